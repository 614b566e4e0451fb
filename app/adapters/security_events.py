"""Security events as log lines."""

import structlog

from app.domain.security_event.model import SecurityEvent

log = structlog.get_logger("security")


class LoggedEvents:
    """A port `SecurityEvents`."""

    def record(self, event: SecurityEvent) -> None:
        log.info("security event", kind=event.kind, subject=event.subject, facts=dict(event.facts))
