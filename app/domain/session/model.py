"""What a session is: a login on one device, kept alive by refresh tokens that are each spent once (R20)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.user.model import User
from app.kernel.actor import Role
from app.kernel.ids import SessionId, UserId
from app.kernel.value import value


@value
class Session:
    """`expires_at`: when it ends unless it is used before; `user_agent` and `address` are of the login."""

    id: SessionId
    user_id: UserId
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    user_agent: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """What a login is checked against; `password_version` says which password the hash is of."""

    user_id: UserId
    password_hash: str | None = field(repr=False)
    password_version: int
    disabled: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """`upgraded`: a better hash of the same password, where the kept one is out of date."""

    right: bool
    upgraded: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Spent:
    """A refresh token that cannot be spent, and why: `ended`, or `used_at`."""

    session: Session
    ended: bool
    used_at: datetime | None
    nonce: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from."""

    address: str | None
    user_agent: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """`refresh`: of a session that is not used; `session`: of one that is, at most."""

    access: timedelta
    refresh: timedelta
    session: timedelta


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """A minute. Fewer from one address to one account than from everywhere to it: who floods an account from some
    addresses holds up neither its user, who comes from another, nor that one's other accounts."""

    logins_of_address: int
    logins_of_account: int
    logins_of_account_and_address: int
    refreshes_of_address: int


@dataclass(frozen=True, slots=True)
class Issued:
    """What a client gets; both lifetimes in whole seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by the word of a provider of single sign-on, which never gives a subject to another one. `email` is one
    that the provider has verified; `groups` are the values that roles follow from."""

    issuer: str
    subject: str
    name: str | None = None
    email: str | None = field(default=None, repr=False)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Linked:
    """The user whom somebody at a provider is, and which password that user has."""

    user: User
    password_version: int


@dataclass(frozen=True, slots=True)
class RolePolicy:
    """`default`: the role of who has none of the groups; None: nobody's."""

    roles: Mapping[str, Role]
    default: Role | None
