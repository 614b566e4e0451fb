"""The composition root: settings -> pools, keys, engine; request -> context. Ports meet their adapters here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from secrets import token_bytes
from time import monotonic

from app.adapters.attempts import LimitedAttempts
from app.adapters.event_stream import EventStream
from app.adapters.recorded_operations import RecordedOperations
from app.adapters.redis_away import AWAY
from app.adapters.security_events import RecordedEvents
from app.adapters.shared_buckets import SharedBuckets
from app.auth.access_tokens import SignedAccessTokens
from app.auth.actors import Actors
from app.auth.api_tokens import ApiTokenActors
from app.auth.keys import public_keys
from app.auth.passwords import BoundedPasswords
from app.auth.stored_keys import KeyMaker, KeyReader
from app.auth.tokens import Verifier
from app.config.settings import Settings
from app.context import Once, Rare, RequestContext
from app.db.api_token import SqlApiTokens
from app.db.audit import SqlEntries
from app.db.database import Database
from app.db.feature import SqlFeatures
from app.db.idempotency import SqlKeptAnswers
from app.db.joined import JoinedDatabase
from app.db.migrations import fetch_applied, newest
from app.db.outbox import SqlOutbox
from app.db.recorded_operation import SqlRecordedOperations
from app.db.row_security import RowSecurity
from app.db.session import SqlSessions
from app.db.signing_key import SqlSigningKeys
from app.db.stores import Stores, reading_from, stores_on
from app.domain.api_token import rules as api_token_rules
from app.domain.api_token.model import TokenLimits
from app.domain.api_token.service import ApiTokenService, Means
from app.domain.audit import rules as audit_rules
from app.domain.audit.service import AuditService
from app.domain.feature import rules as feature_rules
from app.domain.feature.service import FeatureService
from app.domain.idempotency.model import KeyedRequest
from app.domain.rate_limit.model import PointLimits
from app.domain.rate_limit.service import Limiter, RateLimitService
from app.domain.security_event.service import SecurityEventService
from app.domain.session import rules as session_rules
from app.domain.session.model import Origin
from app.domain.session.service import SessionPorts, SessionService
from app.domain.user.administration import UserAdministration
from app.domain.user.service import UserService
from app.engine.operation import Engine
from app.jobs.outbox import Relay
from app.kernel.actor import Actor
from app.kernel.clock import new_id, utc_now
from app.kernel.position import Since
from app.kernel.secret import ENTROPY
from app.observing import Observing
from app.parts import (
    attempt_limits_of,
    documents_of,
    effort_of,
    engine_limits_of,
    legacy_calls_of,
    lifetimes_of,
    policies_of,
    pool_settings,
    redis_buckets_of,
    redis_of,
    ring_of,
    tokens_of,
)
from app.replicated import Reads, replicated_of
from app.resolvers.root import core, costs
from app.sign_on import sign_on_of


class Wiring:
    """Everything one process needs; made once, closed once. Raises SettingsError."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.observing = observing = Observing(settings)
        self.database = database = Database(pool_settings(settings), observing.statement)
        observing.explain_by(database)
        walled = settings.database_row_security == "on"
        self.row_security = RowSecurity(database, pool_settings(settings) if walled else None)
        self.redis = redis_of(settings, traced=observing.traces)
        self.replicated = replicated_of(settings, self.row_security, self.redis)
        self.stores = stores = stores_on(database)
        self.kept_answers = SqlKeptAnswers(database, utc_now, timedelta(seconds=settings.idempotency_ttl))
        stream = EventStream(self.redis, settings.event_stream, settings.event_stream_length)
        self.relay = Relay(SqlOutbox(database), stream, observing.outbox, observing.relayed)
        for pool in self.row_security.pools().values():
            pool.announced = self.relay.announced
        self.security_events = RecordedEvents(stores.security_events.append, observing.security, new_id)
        self.legacy_calls = legacy_calls_of(stores.legacy_calls, observing.registry)
        self.kept_operations, one_of = SqlRecordedOperations(database), settings.operations_recorded
        self.recorded_operations = RecordedOperations(self.kept_operations.note, core, one_of, utc_now)
        self.tokens = tokens_of(settings)
        self.api_token_actors = ApiTokenActors(
            stores.api_tokens.fetch_actor,
            stores.api_tokens.note_uses,
            settings.actor_ttl,
            settings.database_acquire_timeout,
        )
        self.ring = ring_of(settings)
        self.key_reader = self._key_reader()
        learn = [self.key_reader.learn] if self.key_reader else []
        self.actors = Actors(
            Verifier(self.tokens), stores.users.fetch_actor, utc_now, settings.actor_ttl, self.api_token_actors, *learn
        )
        limits = TokenLimits(settings.api_token_limit, settings.api_token_days)
        told, draw = self.security_events.announce, partial(token_bytes, ENTROPY)
        self._token_means = Means(stores.api_tokens, told, limits, utc_now, new_id, draw)
        self._redis_buckets = redis_buckets_of(settings, observing.rate_limits, traced=observing.traces)
        self.limiter = Limiter(SharedBuckets(self._redis_buckets, utc_now, monotonic))
        self.passwords = BoundedPasswords(effort_of(settings))
        self._session_ports = SessionPorts(
            self.stores.sessions,
            self.passwords,
            SignedAccessTokens(self.tokens),
            LimitedAttempts(self.limiter),
            self.security_events,
            utc_now,
            new_id,
        )
        self.sign_on = sign_on_of(settings, self.ring, database, self.security_events, self.session_service)
        self._points = PointLimits(settings.guest_points, settings.user_points)
        self.policies = policies_of(settings)
        self.engine = Engine(
            core,
            costs,
            engine_limits_of(settings),
            settings.max_tokens,
            suggestions=settings.environment == "development",
            executor=settings.executor,
            on_executed=observing.executed,
        )
        self.documents = documents_of(settings, self.engine, self.redis, observing.registry)

    def context(
        self, actor: Actor, request_id: str, client: str, cost: int, since: Since | None = None
    ) -> RequestContext:
        """See ContextOf."""
        reads = None if since is None or self.replicated is None else self.replicated.reads(actor, since)
        stores = self._stores_of(actor, reads=reads)
        return self._context(actor, request_id, client, cost, stores)

    @asynccontextmanager
    async def once(
        self, request: KeyedRequest, actor: Actor, request_id: str, client: str, cost: int
    ) -> AsyncIterator[Once]:
        """A context whose every statement is in the transaction that keeps the answer."""
        async with self.kept_answers.attempt(request) as attempt:
            stores = self._stores_of(actor, attempt.database)
            context = self._context(actor, request_id, client, cost, stores)
            yield Once(context, attempt.kept, attempt.keep)

    def _context(self, actor: Actor, request_id: str, client: str, cost: int, stores: Stores) -> RequestContext:
        limit = self.settings.active_feature_limit
        return RequestContext(
            actor,
            request_id,
            RateLimitService(actor, self.limiter, utc_now, self._points, client),
            cost,
            UserService(actor, stores.users),
            FeatureService(actor, stores.features, request_id, utc_now, new_id, limit),
            AuditService(actor, stores.entries),
            partial(self._rare, actor, request_id, client, stores),
            around=self.observing.batch,
        )

    def _rare(self, actor: Actor, request_id: str, client: str, stores: Stores) -> Rare:
        told, means = self.security_events.announce, self._token_means
        if stores is not self.stores:
            means = replace(means, tokens=stores.api_tokens)
        writes, entries = stores.user_writes, stores.user_entries
        return Rare(
            UserAdministration(actor, writes, entries, told, request_id, client, utc_now, new_id),
            self.security_event_service(actor, request_id, client, stores),
            ApiTokenService(actor, means, request_id, client),
        )

    def security_event_service(
        self, actor: Actor, request_id: str, client: str, stores: Stores | None = None
    ) -> SecurityEventService:
        """Without `stores` on the wiring's own."""
        kept = (stores or self.stores).security_events
        return SecurityEventService(actor, kept, self.security_events, request_id, client, utc_now)

    def session_service(self, actor: Actor, origin: Origin) -> SessionService:
        ports = replace(self._session_ports, sessions=self._stores_of(actor).sessions)
        return SessionService(actor, origin, ports, lifetimes_of(self.settings), attempt_limits_of(self.settings))

    def _stores_of(self, actor: Actor, joined: JoinedDatabase | None = None, *, reads: Reads | None = None) -> Stores:
        """As far as a request of the actor's may reach, whatever it asks for. `reads`: where what it only reads is."""
        stores = self.stores if joined is None else stores_on(joined)
        stores = stores if reads is None else reading_from(reads(None), stores)
        if not self.row_security.on:
            return stores
        of = partial(self.row_security.database_of, joined=joined)
        read: Reads = reads or of
        return replace(
            stores,  # of users, too: their names are for everybody
            features=SqlFeatures(read(actor.widest(feature_rules.EVERY))),
            entries=SqlEntries(read(actor.widest([audit_rules.READ]))),
            api_tokens=SqlApiTokens(of(actor.widest([api_token_rules.OWN])), new_id),
            sessions=SqlSessions(of(session_rules.reaches_sessions_of(actor))),
        )

    def _key_reader(self) -> KeyReader | None:
        """None where no key ring is given: then all keys are those of the settings."""
        if self.ring is None:
            return None
        keys = SqlSigningKeys(self.database, new_id)
        return KeyReader(keys.fetch_all, KeyMaker(self.ring), self.tokens.stored, utc_now)

    def public_keys(self) -> list[dict[str, str]]:
        """Of this moment: those that tokens are checked with."""
        return public_keys([*self.tokens.stored.public(utc_now()), *self.tokens.keys.keys])

    async def database_answers(self) -> bool:
        await fetch_applied(self.database)
        await self.row_security.check()
        return True

    async def migrations_are_current(self) -> bool:
        return await fetch_applied(self.database) == newest()

    async def redis_answers(self) -> bool:
        try:
            return bool(await self.redis.ping())
        except AWAY:
            return False

    async def close(self) -> None:
        if self.sign_on is not None:
            await self.sign_on.provider.close()
        await self._redis_buckets.close()
        self.passwords.close()
        await self.observing.close()
        await self.redis.aclose()
        await self.row_security.close()
        if self.replicated is not None:
            await self.replicated.replicas.close()
        await self.database.close()
