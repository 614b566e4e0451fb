"""What is measured only when somebody looks: pools, queues, caches, keys and breakers, as they are at the moment."""

from collections.abc import Callable

from app.kernel.clock import utc_now
from app.wiring import Wiring


def measuring(wiring: Wiring) -> Callable[[], None]:
    observing, engine = wiring.observing, wiring.engine

    def measure() -> None:
        for name, pool in wiring.row_security.pools().items():
            observing.database.connections(name, pool.lent, pool.open, pool.settings.size, pool.waiting)
            observing.states.breaker(f"database_{name}", pool.breaker.is_open)
        wiring.security_events.count()
        observing.outbox.measure()
        observing.caches.measure("operations", engine.hits, engine.misses)
        if wiring.sign_on is not None:
            observing.states.breaker("sign_on", wiring.sign_on.provider.is_away)
        if (since := wiring.tokens.stored.signing_since(utc_now())) is not None:
            observing.states.signing_key(since.timestamp())

    return measure
