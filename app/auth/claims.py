"""Who somebody is, from claims whose signature has been checked."""

from collections.abc import Mapping
from typing import Any

from app.domain.session.model import Person

MAX_SUBJECT = 255  # characters (OIDC Core §2)
MAX_GROUPS = 1_000


def person_of(claims: Mapping[str, Any], issuer: str, role_claim: str) -> Person | None:
    """None where the claims name nobody."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT or not subject.isprintable():
        return None
    verified = claims.get("email_verified") in (True, "true")  # some write it as a string
    names = (claims.get("name"), claims.get("preferred_username"))
    name = next((text for text in names if isinstance(text, str) and text.strip()), None)
    email = claims.get("email")
    return Person(
        issuer,
        subject,
        name,
        email if verified and isinstance(email, str) else None,
        _groups(claims, role_claim),
    )


def _groups(claims: Mapping[str, Any], role_claim: str) -> tuple[str, ...]:
    """Of the claim of that name, or at that path: `realm_access.roles`."""
    found: Any = claims.get(role_claim)
    if found is None:
        found = claims
        for part in role_claim.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(text for text in listed[:MAX_GROUPS] if isinstance(text, str))
