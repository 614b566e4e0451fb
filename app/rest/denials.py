"""What one request of many items was refused for want of a permission, as the security events are told of it."""

from collections.abc import Iterable

from app.domain.security_event.service import SecurityEventService
from app.kernel.errors import DomainError


def tell_denials(events: SecurityEventService, outcomes: Iterable[object]) -> None:
    """Once for each permission and code, however many the items: they are all of one request."""
    refused = [outcome for outcome in outcomes if isinstance(outcome, DomainError)]
    for error in {(error.denied, error.code): error for error in refused}.values():
        events.denied(error)
