"""Keeps a server that is away from being asked again and again (R64); it must not know what is asked."""

from collections.abc import Callable
from math import ceil

from app.kernel.errors import Unavailable

FAILURES = 5  # one after the other, until it opens
PAUSE = 30.0  # seconds until one may try again


class Breaker:
    """`monotonic` and `pause` in seconds; `name` is whom the caller is told to be away."""

    def __init__(self, name: str, monotonic: Callable[[], float], pause: float = PAUSE) -> None:
        self._name, self._monotonic, self._pause = name, monotonic, pause
        self._failures, self._until = 0, 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= FAILURES

    def admit(self) -> None:
        """Raises Unavailable while it is open. After the pause one alone is let through, until it is told how that
        went, or for another pause."""
        if self._failures < FAILURES:
            return
        now = self._monotonic()
        if now < self._until:
            raise self.refusal()
        self._until = now + self._pause

    def refusal(self) -> Unavailable:
        left = self._until - self._monotonic() if self._failures >= FAILURES else 1
        return Unavailable(f"{self._name} cannot be reached at the moment: try again.", max(1, ceil(left)))

    def failed(self) -> None:
        self._failures += 1
        self._until = self._monotonic() + self._pause

    def succeeded(self) -> None:
        self._failures = 0
