"""Documents by their text, the latest ones: what they take together is bounded, and what a document takes may grow."""

from collections import OrderedDict


class Cache[D]:
    """`most` bytes in all, as `engine.footprint` counts them; what takes more than an eighth of it is not kept, so that
    no one document drives all others out."""

    def __init__(self, most: int) -> None:
        self._most, self._largest = most, most // 8
        self._kept: OrderedDict[str, D] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self.bytes = 0

    def get(self, text: str) -> D | None:
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
        return found

    def put(self, text: str, document: D, size: int) -> None:
        """One that `get` does not find."""
        self._kept[text], self._sizes[text] = document, 0
        self.grow(text, size)

    def grow(self, text: str, size: int) -> None:
        """What the document takes on top; one that is forgotten by now counts no more."""
        if text not in self._sizes:
            return
        self._sizes[text] += size
        self.bytes += size
        if self._sizes[text] > self._largest:
            self._forget(text)
        while self.bytes > self._most:
            self._forget(next(iter(self._kept)))

    def _forget(self, text: str) -> None:
        del self._kept[text]
        self.bytes -= self._sizes.pop(text)
