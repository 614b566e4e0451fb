"""What a password must be, how refresh tokens are made, and what comes of one that was spent."""

import hmac
import unicodedata
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Literal

from app.domain.session.model import Person, RolePolicy, Spent
from app.domain.user import rules as user_rules
from app.kernel.actor import Actor, Role
from app.kernel.cleaning import clean_name, refuse
from app.kernel.errors import Forbidden, InvalidInput, Problem
from app.kernel.ids import UserId

GRACE = timedelta(seconds=10)  # in which a spent refresh token gets the same answer again
MIN_PASSWORD, MAX_PASSWORD = 12, 256  # characters; no kind of them is asked for (NIST SP 800-63B §3.1.1.2)
MIN_GUESSES = 10**8  # tries that a new password must withstand: two years at 100 a minute
MAX_REFRESH_TOKEN = 100  # characters; ours have 43 or 64
MAX_SESSIONS = 50  # of one user; a new login ends the one that was not used for the longest time
MAX_USER_AGENT, MAX_ADDRESS = 256, 64  # characters
SECRET_BYTES = 32
PERMISSION = "sessions:own"  # no API token has it

RANKS: tuple[Role, ...] = ("ADMIN", "MANAGER", "USER", "VIEWER")  # the highest first

type Fate = Literal["refused", "repeated", "reused"]


def ends_sessions_of(actor: Actor) -> UserId | None:
    """Whose sessions the actor may end; None: anybody's. Raises Unauthenticated, Forbidden: an API token, which stands
    for a program, has no part in what is between a person and this server."""
    user_id = actor.known()
    if actor.scopes is not None:
        raise Forbidden("An API token may neither see nor end sessions: log in.", PERMISSION)
    return None if actor.role == "ADMIN" else user_id


def reaches_sessions_of(actor: Actor) -> UserId | None:
    """Whose sessions a request of the actor's may come to, whatever it asks for; None: anybody's. A guest proves by a
    password or a refresh token whose session it is about, which is to be found first."""
    return None if actor.role in (None, "ADMIN") else actor.user_id


def role_of(person: Person, policy: RolePolicy) -> Role | None:
    """The highest of the person's groups; None: the person may not come in."""
    found = {policy.roles[group] for group in person.groups if group in policy.roles}
    return next((role for role in RANKS if role in found), policy.default)


def name_of(person: Person) -> str:
    """The first of name, email and subject that is fit to be one."""
    for text in (person.name, person.email, person.subject):
        problems: list[Problem] = []
        cleaned = clean_name(text, problems)
        if not problems:
            return cleaned
    return "somebody"


def email_of(person: Person) -> str | None:
    """None where it is no email that we would take."""
    problems: list[Problem] = []
    cleaned = user_rules.clean_email(person.email, problems).lower()
    return None if problems else cleaned


def normalised(password: str) -> str:
    """NFKC: keyboards write one character in several ways (NIST SP 800-63B §3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def clean_email(email: str) -> str:
    """Trimmed, in lower case: nobody tells people apart by capitals. Raises InvalidInput."""
    problems: list[Problem] = []
    cleaned = user_rules.clean_email(email, problems)
    refuse(problems)
    return cleaned.lower()


def check_sent_password(password: str) -> str:
    """Normalised. Raises InvalidInput for what is no password of anybody's, before any work is done for it."""
    if not 1 <= len(password) <= MAX_PASSWORD:
        short = not password
        message = f"`password` must have 1 to {MAX_PASSWORD} characters."
        issue: Literal["MIN_LENGTH", "MAX_LENGTH"] = "MIN_LENGTH" if short else "MAX_LENGTH"
        raise InvalidInput([Problem(("password",), issue, message, 1 if short else MAX_PASSWORD)])
    return normalised(password)


def clean_new_password(password: str, email: str, name: str) -> str:
    """Normalised. Raises InvalidInput: too short, too long, or what anybody would try first with this user."""
    cleaned = normalised(password)
    path = ("password",)
    if len(cleaned) < MIN_PASSWORD:
        message = f"The password must have at least {MIN_PASSWORD} characters."
        raise InvalidInput([Problem(path, "MIN_LENGTH", message, MIN_PASSWORD)])
    if max(len(password), len(cleaned)) > MAX_PASSWORD:
        message = f"The password must have at most {MAX_PASSWORD} characters."
        raise InvalidInput([Problem(path, "MAX_LENGTH", message, MAX_PASSWORD)])
    try:
        cleaned.encode()
    except UnicodeEncodeError:
        raise InvalidInput([Problem(path, "FORMAT", "The password must be text in UTF-8.")]) from None
    lowered = cleaned.casefold().strip()
    known = {normalised(text).casefold().strip() for text in (email, name)}
    if lowered in known or len(set(lowered)) < 4:
        message = "The password must not be the email or the name, nor a few characters again and again."
        raise InvalidInput([Problem(path, "FORMAT", message)])
    return cleaned


def check_guesses(guesses: float) -> None:
    """Raises InvalidInput for a new password that is found in so few tries (NIST SP 800-63B §3.1.1.2: blocklists)."""
    if guesses < MIN_GUESSES:
        message = "The password is among the first that are tried: take some words that nobody expects together."
        raise InvalidInput([Problem(("password",), "FORMAT", message)])


def new_refresh_token() -> str:
    return token_urlsafe(SECRET_BYTES)


def successor_of(token: str, nonce: bytes) -> str:
    """The token that follows: it takes the spent one, which only the client has, and the nonce, which only we have."""
    return hmac.new(nonce, token.encode(), sha256).hexdigest()


def hash_of(token: str) -> bytes:
    """Random as they are, tokens need no slow hash."""
    return sha256(token.encode(errors="surrogatepass")).digest()


def fate_of(spent: Spent | None, now: datetime) -> Fate:
    """What becomes of a request whose token could not be spent."""
    if spent is None or spent.ended or spent.used_at is None:
        return "refused"
    return "repeated" if now - spent.used_at <= GRACE else "reused"


def shown(text: str | None, longest: int) -> str | None:
    """Of what a client says about itself: printable, and no longer than that."""
    return "".join(character for character in text if character.isprintable())[:longest] if text else None
