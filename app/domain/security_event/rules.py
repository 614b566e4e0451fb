"""Who may read security events, how often one is kept, and what of it (R23)."""

import re
from collections import OrderedDict
from collections.abc import Hashable

from app.domain.security_event.model import KeptEvent, SecurityEvent, SecurityEventKind
from app.kernel.actor import Grants, Reach
from app.kernel.ids import SecurityEventId
from app.kernel.json import dump

READ = Grants("security_events:read", {"ADMIN": Reach.ANY})

# What callers can bring about at will: kept so often a minute for the same actor (a guest: address) and subject.
REPEATABLE: frozenset[SecurityEventKind] = frozenset({"PERMISSION_DENIED", "LOGIN_FAILED", "LOGIN_LIMITED"})
MOST = 10
SPAN = 60.0  # seconds
REMEMBERED = 10_000  # actors with a subject

MAX_TEXT = 500  # characters of a subject, an address, a request's id and a fact
MAX_FACTS = 20
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # a log line and a row may hold none of these


class Flood:
    """What comes too often, told apart by who and what."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()  # (start in Unix seconds, how many)

    def passes(self, event: SecurityEvent) -> bool:
        if event.kind not in REPEATABLE:
            return True
        key = (event.kind, event.actor_id or event.address, event.subject)
        now = event.created_at.timestamp()
        start, count = self._seen.get(key, (now, 0))
        if not start <= now < start + SPAN:
            start, count = now, 0
        self._seen[key] = (start, count + 1)
        self._seen.move_to_end(key)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return count < MOST


def kept(id: SecurityEventId, event: SecurityEvent) -> KeptEvent:
    """As it can be written, whatever a caller has put into it."""
    facts = dict(list(event.facts.items())[:MAX_FACTS])
    return KeptEvent(
        id,
        event.kind,
        event.actor_id,
        _text(event.subject),
        _text(event.address),
        _text(event.request_id),
        dump({_text(name): _text(fact) for name, fact in facts.items()}),
        event.created_at,
    )


def _text(text: str | None) -> str | None:
    return None if text is None else UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text[:MAX_TEXT])
