"""The word for whoever looks on while a batch is loaded."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

# Given a batch's name, its number of keys and what loads it; gives what shall be awaited instead.
type Around = Callable[[str, int, Awaitable[Sequence[Any]]], Awaitable[Sequence[Any]]]
