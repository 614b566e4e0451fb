"""Ids that follow from a key, so that a second seeding finds what the first one made."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

NAMESPACE = "feature-api/seed"
# The time in the ids of users and features. Not their `created_at`: another edition may correct a date, and the id
# has to stay.
SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def derived_id(time: datetime, *key: str) -> UUID:
    """Version 7 (RFC 9562 §5.7) of that time: `tttttttt-tttt-7ccc-accc-dddddddddddd`, where c counts the copies of the
    catalogue (§6.2; here 0, `app/db/seed.py` makes the others) and d is a digest of the key."""
    digest = hashlib.md5("\0".join((NAMESPACE, *key)).encode(), usedforsecurity=False).digest()
    milliseconds = (time - _EPOCH) // _MILLISECOND
    return UUID(int=milliseconds << 80 | 7 << 76 | 0xA << 60 | int.from_bytes(digest[:6]))
