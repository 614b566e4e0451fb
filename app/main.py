"""The ASGI application: routes, what surrounds them, and what starts and stops with the process."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib import metadata

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.config.rest import V1_DEPRECATED
from app.config.settings import Settings
from app.jobs.again import DAY, HOUR
from app.jobs.idempotency import purge_answers
from app.jobs.measures import keep_measured
from app.jobs.notes import MINUTE, keep_notes
from app.jobs.operations import FLUSH, purge_operations
from app.jobs.outbox import PAUSE, keep_published
from app.jobs.partitions import keep_partitions
from app.jobs.retention import keep_for
from app.jobs.runs import Runs
from app.jobs.security_events import keep_events
from app.jobs.sessions import purge_sessions
from app.jobs.signing_keys import keep_signing_keys
from app.kernel.clock import utc_now
from app.measuring import measuring
from app.rest.endpoint import RestEndpoint, RestSettings
from app.rest.limits import ActLimits
from app.rest.version import current_version, legacy_version
from app.telemetry.shared import exposition, metrics_are_shared
from app.web.answer import Statuses
from app.web.compress import Compress
from app.web.contract import ROUTES as CONTRACT_ROUTES
from app.web.contract import contract_routes
from app.web.error_pages import error_routes
from app.web.graphiql import static_routes
from app.web.graphql import EndpointSettings, GraphQLEndpoint
from app.web.health import Health
from app.web.jwks import PATH as JWKS
from app.web.jwks import jwks_route
from app.web.measured import measured
from app.web.observe import Observe
from app.web.protections import Cors, SecurityHeaders
from app.web.proxies import TrustedProxies
from app.web.read_after import ReadAfter
from app.web.session import ROUTES as SESSION_ROUTES
from app.web.session import SessionEndpoints
from app.web.sign_on import ROUTES as SIGN_ON_ROUTES
from app.web.sign_on import SignOnEndpoints
from app.web.traced import traced
from app.wiring import Wiring

HEALTH = ("/health", "/health/live", "/health/ready", "/health/startup")
ROUTES = frozenset({"/graphql", "/metrics", *HEALTH, JWKS, *SESSION_ROUTES, *SIGN_ON_ROUTES, *CONTRACT_ROUTES})


def create_app(wiring: Wiring, leaving: Callable[[], bool] = lambda: False) -> ASGIApp:
    """The wiring is closed when the application is. `leaving`: is the process told to stop?"""
    settings, observing = wiring.settings, wiring.observing
    health = Health(
        {"database": wiring.database_answers, "migrations": wiring.migrations_are_current},
        {"redis": wiring.redis_answers, **({"replicas": wiring.replicated.answer} if wiring.replicated else {})},
        leaving,
    )
    endpoint = GraphQLEndpoint(
        wiring.engine,
        wiring.documents,
        wiring.actors.of,
        wiring.context,
        wiring.once,
        wiring.recorded_operations.seen,
        _endpoint_settings(settings),
        lambda run: measured(run, observing.operations, observing.traces),
    )

    sign_on = wiring.sign_on
    sessions = SessionEndpoints(
        wiring.actors.of,
        wiring.session_service,
        wiring.security_event_service,
        sign_on.cookie if sign_on else None,
    )
    auth_routes = sessions.routes()
    if sign_on is not None:
        at_provider = SignOnEndpoints(sign_on.provider, sign_on.service, sign_on.seal, sign_on.cookie)
        auth_routes += at_provider.routes()

    versions = (legacy_version(V1_DEPRECATED, settings.rest_v1_sunset), current_version())
    product = metadata.version("feature-api")
    rest = RestEndpoint(
        versions,
        wiring.actors.of,
        wiring.context,
        wiring.once,
        ActLimits(wiring.limiter, wiring.policies),
        RestSettings(product, settings.max_body_bytes, settings.max_query_bytes, settings.max_import_bytes),
        wiring.legacy_calls.count,
    )

    measure, runs = measuring(wiring), Runs(observing.jobs, observing.recorder)
    unseen = Runs(observing.jobs, None)  # a look each second is worth no trace

    async def metrics(request: Request) -> Response:
        measure()
        return Response(exposition(observing.registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        stores, token_uses, legacy_calls = wiring.stores, wiring.api_token_actors.note_uses, wiring.legacy_calls.note
        jobs = [
            asyncio.create_task(keep_partitions(runs.of("partitions", DAY, stores.entries.make_partitions))),
            asyncio.create_task(keep_events(wiring.security_events)),
            asyncio.create_task(keep_published(unseen.of("outbox", PAUSE, wiring.relay.run), wiring.relay.rest)),
            asyncio.create_task(
                keep_for(
                    settings.security_event_retention_days,
                    runs.of("security_events", DAY, stores.security_events.forget),
                    "security events",
                )
            ),
            asyncio.create_task(
                keep_for(
                    settings.legacy_call_retention_days,
                    runs.of("old_legacy_calls", DAY, stores.legacy_calls.forget),
                    "calls of REST v1",
                )
            ),
            asyncio.create_task(keep_notes(runs.of("token_uses", MINUTE, token_uses), "uses of API tokens")),
            asyncio.create_task(keep_notes(runs.of("legacy_calls", MINUTE, legacy_calls), "calls of REST v1")),
            asyncio.create_task(
                keep_notes(runs.of("operations", FLUSH, wiring.recorded_operations.note), "operations", FLUSH)
            ),
            asyncio.create_task(
                purge_operations(
                    runs.of("old_operations", HOUR, wiring.kept_operations.purge),
                    utc_now,
                    settings.operation_retention_days,
                )
            ),
            asyncio.create_task(
                purge_sessions(runs.of("sessions", HOUR, stores.sessions.purge), utc_now, settings.refresh_token_ttl)
            ),
            asyncio.create_task(purge_answers(runs.of("kept_answers", HOUR, wiring.kept_answers.purge), utc_now)),
        ]
        jobs.append(asyncio.create_task(wiring.database.pool.primaries.run()))
        if wiring.key_reader:
            every = settings.signing_key_refresh
            jobs.append(asyncio.create_task(keep_signing_keys(runs.of("keys", every, wiring.key_reader.read), every)))
        if observing.export is not None:
            jobs.append(asyncio.create_task(observing.export.run()))
        if wiring.replicated is not None:
            jobs.append(asyncio.create_task(wiring.replicated.replicas.run()))
        if metrics_are_shared():
            jobs.append(asyncio.create_task(keep_measured(measure)))
        gc.collect()
        gc.freeze()  # what lives as long as the process is never looked at again
        # Validation leaves 1,000 objects in circles for each new document, so the oldest must be looked at often
        # enough, too: at (50_000, 50, 100) a server that was sent ever new documents grew by 5 KiB for each.
        gc.set_threshold(50_000, 10, 10)
        health.started = True
        try:
            yield
        finally:
            for job in jobs:
                job.cancel()
            for job in jobs:
                with suppress(asyncio.CancelledError):
                    await job
            await wiring.close()

    # A server reads a new key within a third of the delay, and caches keep the set for half of it.
    keys = jwks_route(wiring.public_keys, int(settings.signing_key_delay / 2))
    routes = [
        Route("/metrics", metrics),
        keys,
        *health.routes(),
        *auth_routes,
        *error_routes(),
        *contract_routes(versions, product),
        *static_routes(),
    ]
    others = Starlette(routes=routes, lifespan=lifespan)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        """The endpoints answer their own failures, so nothing of Starlette need stand before them."""
        path = scope.get("path", "")
        if path == "/graphql":
            await endpoint(scope, receive, send)
        elif path == "/api" or path.startswith("/api/"):
            await rest(scope, receive, send)
        else:
            await others(scope, receive, send)

    app: ASGIApp = application
    if wiring.replicated is not None:
        app = ReadAfter(app, wiring.replicated.positions, wiring.replicated.replicas.is_plausible, utc_now)
    if settings.cors_origins:
        app = Cors(app, settings.origins)
    if settings.trusted_proxies:
        app = TrustedProxies(app, settings.proxies)
    if settings.compress_from:
        app = Compress(app, settings.compress_from)
    sampler, recorder = observing.sampler, observing.recorder
    around = traced(app, recorder, sampler, ROUTES) if recorder is not None else None
    return Observe(app, observing.http, ROUTES, SecurityHeaders(settings.hsts_max_age), sampler, around)


def _endpoint_settings(settings: Settings) -> EndpointSettings:
    development = settings.environment == "development"
    return EndpointSettings(
        max_body_bytes=settings.max_body_bytes,
        max_query_bytes=settings.max_query_bytes,
        max_batch=settings.max_batch,
        max_cost=settings.max_cost,
        max_age=settings.cache_max_age,
        graphiql=development,
        guests_introspect=development,
        statuses=Statuses(int(settings.validation_status), int(settings.partial_status)),
    )
