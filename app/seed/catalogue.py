"""The catalogue in our words: users, features and their history, made from the published file without any database."""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.domain.audit.model import AuditEntry
from app.domain.feature.model import Feature
from app.domain.user.model import User
from app.kernel.actor import Role
from app.kernel.ids import UserId
from app.seed.history import DAY, calendar_of, steps_of
from app.seed.identity import SOME_TIME, derived_id
from app.seed.people import LIMIT, OTHERS, OWNERS, share_out
from app.seed.source import CatalogueError, CatalogueMissing, CatalogueUnfit, WebFeature, read_source
from app.seed.translation import category_of, translate

__all__ = ["Catalogue", "CatalogueError", "CatalogueMissing", "CatalogueUnfit", "read_catalogue"]

NAME = 255  # characters (R1)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Owners come first among the users, features by their key, entries by feature and then oldest first."""

    users: tuple[User, ...]
    features: tuple[Feature, ...]
    entries: tuple[AuditEntry, ...]


def read_catalogue(path: Path) -> Catalogue:
    """The same file gives the same catalogue, to the last id. Raises CatalogueMissing or CatalogueUnfit."""
    source = read_source(path)
    kept = {key: found for key, found in sorted(source.features.items()) if isinstance(found, WebFeature)}
    if not kept:
        raise CatalogueUnfit(f"{path} holds no features.")
    names, calendar = _names(kept), calendar_of(source)
    owners = [_user_id(email) for _, email in OWNERS]
    # Packed by the group itself, not by the category: a third of all features is CSS.
    owned = share_out({key: (found.group or [category_of(found, source.groups)])[0] for key, found in kept.items()})
    features, entries = list[Feature](), list[AuditEntry]()
    for key, found in kept.items():
        steps = steps_of(key, found, calendar)
        feature, trail = translate(key, names[key], owners[owned[key]], found, source.groups, steps)
        features.append(feature)
        entries += trail
    _check_limit(features)
    return Catalogue(tuple(_users(features)), tuple(features), tuple(entries))


def _names(kept: dict[str, WebFeature]) -> dict[str, str]:
    """Trimmed, NFC, without control characters, not too long; of equal ones, all but the first say their key."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key, found in kept.items():
        text = unicodedata.normalize("NFC", found.name)
        name = " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())[:NAME].strip()
        if not name:
            raise CatalogueUnfit(f"The catalogue's feature {key!r} has no name.")
        if name in taken:
            name = f"{name[: NAME - len(key) - 3]} ({key})"
        taken.add(name)
        names[key] = name
    return names


def _check_limit(features: list[Feature]) -> None:
    active = Counter(feature.owner_id for feature in features if feature.status == "ACTIVE")
    if max(active.values(), default=0) > LIMIT:
        raise CatalogueUnfit(f"The catalogue has too many features for {len(OWNERS)} owners of {LIMIT} each.")


def _users(features: list[Feature]) -> Iterator[User]:
    """Everybody was there a day before the first feature of theirs; who owns none, before the first of all."""
    first: dict[UserId, datetime] = {}
    for feature in features:
        first[feature.owner_id] = min(first.get(feature.owner_id, feature.created_at), feature.created_at)
    of_all = min(first.values())
    people: list[tuple[str, str, Role]] = [(name, email, "USER") for name, email in OWNERS]
    for name, email, role in (*people, *OTHERS):
        id = _user_id(email)
        yield User(id, name, email, role, first.get(id, of_all) - DAY)


def _user_id(email: str) -> UserId:
    return UserId(derived_id(SOME_TIME, "user", email))
