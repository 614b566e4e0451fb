"""Security events as lines of the log."""

import structlog

from app.domain.security_event.model import SecurityEvent

log = structlog.get_logger("security")


class SecurityLog:
    """A port `SecurityEvents` where nothing keeps them."""

    def record(self, event: SecurityEvent) -> None:
        log.info("security event", kind=event.kind, subject=event.subject, **event.facts)
