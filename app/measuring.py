"""What is measured only when somebody looks: pools, queues, caches, keys and breakers, as they are at the moment."""

from collections.abc import Callable

from app.db.replicas import Replicas
from app.kernel.clock import utc_now
from app.observing import Observing
from app.wiring import Wiring


def measuring(wiring: Wiring) -> Callable[[], None]:
    observing, engine = wiring.observing, wiring.engine

    def measure() -> None:
        for name, pool in wiring.row_security.pools().items():
            observing.database.connections(name, pool.lent, pool.open, pool.settings.size, pool.waiting)
            observing.states.breaker(f"database_{name}", pool.breaker.is_open)
        observing.states.primaries(wiring.database.pool.primaries.count)
        if wiring.replicated is not None:
            _measure_replicas(wiring.replicated.replicas, observing)
        wiring.security_events.count()
        observing.outbox.measure()
        observing.caches.measure("operations", engine.hits, engine.misses)
        if wiring.sign_on is not None:
            observing.states.breaker("sign_on", wiring.sign_on.provider.is_away)
        if (since := wiring.tokens.stored.signing_since(utc_now())) is not None:
            observing.states.signing_key(since.timestamp())

    return measure


def _measure_replicas(replicas: Replicas, observing: Observing) -> None:
    observing.replicas.read("primary", replicas.primary_reads)
    for each in replicas.all:
        for which, pool in each.walls.pools().items():
            name = each.name if which == "app" else f"{each.name}_{which}"
            observing.database.connections(name, pool.lent, pool.open, pool.settings.size, pool.waiting)
            observing.states.breaker(f"database_{name}", pool.breaker.is_open)
        observing.replicas.read(each.name, each.reads)
        observing.replicas.lag(each.name, *replicas.lag(each), replicas.is_usable(each))
