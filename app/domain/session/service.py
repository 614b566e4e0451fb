"""What the business does with sessions: login, refresh, logout, and whose are alive (R20).

Nobody learns from an answer, or from how long it took, whether there is a user of that email.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from secrets import token_bytes

from app.domain.security_event.model import SecurityEvent, SecurityEventKind
from app.domain.security_event.ports import SecurityEvents
from app.domain.session import rules
from app.domain.session.model import AttemptLimits, Issued, Lifetimes, Origin, Session
from app.domain.session.ports import AccessTokens, Attempts, Passwords, Sessions
from app.kernel.actor import Actor
from app.kernel.clock import Clock, NewId
from app.kernel.errors import InvalidInput, NotFound, Problem, TooManyAttempts, Unauthenticated
from app.kernel.ids import SessionId, UserId, global_id


@dataclass(frozen=True, slots=True)
class SessionPorts:
    sessions: Sessions
    passwords: Passwords
    tokens: AccessTokens
    attempts: Attempts
    events: SecurityEvents
    now: Clock
    new_id: NewId


class SessionService:
    def __init__(
        self, actor: Actor, origin: Origin, ports: SessionPorts, lifetimes: Lifetimes, limits: AttemptLimits
    ) -> None:
        self._actor, self._origin, self._ports = actor, origin, ports
        self._lifetimes, self._limits = lifetimes, limits

    async def login(self, email: str, password: str) -> Issued:
        """Raises InvalidInput, TooManyAttempts, Unauthenticated, Unavailable."""
        ports = self._ports
        email, password = rules.clean_email(email), rules.check_sent_password(password)
        account_key = sha256(email.encode(errors="surrogatepass")).hexdigest()[:32]
        await self.admit()
        await self._admit_to(account_key)
        account = await ports.sessions.fetch_account(email)
        verdict = await ports.passwords.verify(password, account.password_hash if account else None)
        if account is None or account.disabled or not verdict.right:
            raise self._failed(account_key, account.user_id if account else None)
        if verdict.upgraded is not None:
            await ports.sessions.upgrade_password(account, verdict.upgraded)
        issued = await self.open(account.user_id, account.password_version)
        if issued is None:
            raise self._failed(account_key, account.user_id)
        return issued

    async def open(self, user_id: UserId, password_version: int, **facts: str) -> Issued | None:
        """A session of a user who has shown who they are. None where the password is another one by now, or the user
        disabled. `facts` are told with the login. Raises Unavailable."""
        session, token = self._new_session(user_id), rules.new_refresh_token()
        hashed, keep = rules.hash_of(token), rules.MAX_SESSIONS - 1
        if not await self._ports.sessions.open(session, password_version, hashed, keep):
            return None
        self._record("LOGIN_SUCCEEDED", user_id, user_id, session=str(session.id), **facts)
        return self._issued(session, token, session.created_at)

    async def admit(self) -> None:
        """Counts a login from this address. Raises TooManyAttempts."""
        await self._admit("login", "address", self._origin.address or "", self._limits.logins_of_address)

    async def _admit_to(self, account_key: str) -> None:
        """Whoever has had enough tries at this account from here takes none from those who come from elsewhere."""
        limits, pair = self._limits, f"{account_key}:{self._origin.address or ''}"
        await self._admit("login", "account and address", pair, limits.logins_of_account_and_address)
        await self._admit("login", "account", account_key, limits.logins_of_account)

    async def refresh(self, token: str) -> Issued:
        """Raises TooManyAttempts, Unauthenticated, Unavailable."""
        ports = self._ports
        await self._admit("refresh", "address", self._origin.address or "", self._limits.refreshes_of_address)
        if len(token) > rules.MAX_REFRESH_TOKEN or not token.isascii():
            raise _not_valid()
        now, hashed, nonce = ports.now(), rules.hash_of(token), token_bytes(rules.SECRET_BYTES)
        successor = rules.successor_of(token, nonce)
        idle, longest = self._lifetimes.refresh, self._lifetimes.session
        session = await ports.sessions.rotate(hashed, rules.hash_of(successor), nonce, now, idle, longest)
        if session is not None:
            return self._issued(session, successor, now)
        spent = await ports.sessions.fetch_spent(hashed, now)
        fate = rules.fate_of(spent, now)
        if spent is not None and spent.nonce is not None and fate == "repeated":
            return self._issued(spent.session, rules.successor_of(token, spent.nonce), now)
        if spent is not None and fate == "reused":
            user_id = await ports.sessions.revoke(spent.session.id, None, now)
            if user_id is not None:  # else somebody else has just revoked it, and said so
                self._record("REFRESH_REUSED", user_id, None, session=str(spent.session.id))
        raise _not_valid()

    async def logout(self, token: str | None) -> None:
        """Of the session that the refresh token belongs to, or else the actor's own. One that has ended, or never was,
        is no failure. Raises Unauthenticated where neither was given, InvalidInput where the actor has no session,
        TooManyAttempts, Unavailable."""
        ports, now = self._ports, self._ports.now()
        if token is not None:
            await self._admit("refresh", "address", self._origin.address or "", self._limits.refreshes_of_address)
            ended = await ports.sessions.revoke_by_token(rules.hash_of(token), now)
            if ended is not None:
                self._record("SESSION_REVOKED", ended[1], ended[1], session=str(ended[0]), reason="logout")
            return
        user_id = self._actor.known()
        id = self._actor.session_id
        if id is None:
            message = "This access token belongs to no session: send the `refresh_token` of the one to end."
            raise InvalidInput([Problem(("refresh_token",), "REQUIRED", message)])
        if await ports.sessions.revoke(id, user_id, now):
            self._record("SESSION_REVOKED", user_id, user_id, session=str(id), reason="logout")

    async def alive(self) -> Sequence[Session]:
        """The actor's own, the last used first."""
        rules.ends_sessions_of(self._actor)
        return await self._ports.sessions.fetch_alive(self._actor.known(), self._ports.now())

    async def revoke(self, id: SessionId) -> None:
        """Raises NotFound for what has ended or may not be seen."""
        user_id, of_user = self._actor.known(), rules.ends_sessions_of(self._actor)
        whose = await self._ports.sessions.revoke(id, of_user, self._ports.now())
        if whose is None:
            raise NotFound("There is no such session.")
        self._record("SESSION_REVOKED", whose, user_id, session=str(id), reason="revoked")

    async def _admit(self, act: str, by: str, key: str, limit: int) -> None:
        attempt = await self._ports.attempts.take(f"{act}:{by}:{key}", limit)
        if not attempt.allowed:
            self._record("LOGIN_LIMITED", None, None, act=act, by=by)
            raise TooManyAttempts(limit, attempt.retry_after)

    def _new_session(self, user_id: UserId) -> Session:
        ports, origin, now = self._ports, self._origin, self._ports.now()
        end = now + min(self._lifetimes.refresh, self._lifetimes.session)
        user_agent = rules.shown(origin.user_agent, rules.MAX_USER_AGENT)
        address = rules.shown(origin.address, rules.MAX_ADDRESS)
        return Session(SessionId(ports.new_id()), user_id, now, now, end, user_agent, address)

    def _issued(self, session: Session, token: str, now: datetime) -> Issued:
        left = session.expires_at - now
        lifetime = min(self._lifetimes.access, left)
        access = self._ports.tokens.issue(session.user_id, session.id, now, lifetime)
        return Issued(access, int(lifetime.total_seconds()), token, int(left.total_seconds()))

    def _failed(self, account_key: str, user_id: UserId | None) -> Unauthenticated:
        self._record("LOGIN_FAILED", user_id, None, account=account_key)
        return Unauthenticated("The email or the password is wrong.")

    def _record(self, kind: SecurityEventKind, whose: UserId | None, actor_id: UserId | None, **facts: str) -> None:
        subject = None if whose is None else global_id("User", whose)
        origin, now = self._origin, self._ports.now()
        self._ports.events.record(SecurityEvent(kind, actor_id, subject, origin.address, origin.request_id, now, facts))


def _not_valid() -> Unauthenticated:
    return Unauthenticated("The refresh token is not valid: log in again.")
