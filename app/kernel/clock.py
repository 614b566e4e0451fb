"""Where time and ids come from: passed in, so that tests can say what they are."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat

type Clock = Callable[[], datetime]  # aware, in UTC
type NewId = Callable[[], UUID]  # version 7 (RFC 9562): sorts by time of making


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id() -> UUID:
    return uuid_utils.compat.uuid7()
