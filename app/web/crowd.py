"""How many requests a process works on at once: all that may be while they are quick, fewer while they are slow.

Who is let in waits about as long as those before him take together (Little's law), so what is let in bounds how long
that is. `least` is as many as keep a server busy that waits for others: fewer would be done no sooner.
"""

TOLERABLE = 0.1  # seconds: where half of the requests take longer, too many are under way (R69)
WINDOW = 0.1  # seconds between two looks
CUT = 0.8  # of as many as there were, after a look at slow ones
GROWTH = 20  # looks at quick ones until there is room for all again


class Crowd:
    """Times in seconds, of any clock that does not go back. `away`: requests under way that wait for their peer, to
    send or to take, and are not counted."""

    def __init__(self, least: int, most: int) -> None:
        self.away = 0
        self.room = self._most = most
        self._least = least
        self._peak = 0  # under way when the last one was let in, at the most
        self._slow, self._quick = 0, 0
        self._looked = 0.0

    def let_in(self, under_way: int) -> bool:
        """Whether there is room for one more."""
        counted = under_way - self.away
        if counted >= self.room:
            return False
        if counted >= self._peak:
            self._peak = counted + 1
        return True

    def answered(self, seconds: float, now: float) -> None:
        """What one request took, from its head to the end of its answer."""
        if seconds > TOLERABLE:
            self._slow += 1
        else:
            self._quick += 1
        if now - self._looked >= WINDOW:
            self._look(now)

    def _look(self, now: float) -> None:
        if self._slow <= self._quick:
            looks = int((now - self._looked) / WINDOW)  # those without a request, too
            self.room = min(self._most, self.room + looks * max(1, self._most // GROWTH))
        elif self._peak > self._least:  # else they are slow, but not since there are many
            self.room = max(self._least, int(self._peak * CUT))
        self._peak, self._slow, self._quick, self._looked = 0, 0, 0, now
