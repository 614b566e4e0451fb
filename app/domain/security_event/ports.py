"""What tells of security events needs of those who keep them."""

from typing import Protocol

from app.domain.security_event.model import SecurityEvent


class SecurityEvents(Protocol):
    def record(self, event: SecurityEvent) -> None:
        """Logged and counted at once, kept soon after; never fails, never waits. What must be kept with a write is
        appended in the write's own transaction instead."""
        ...
