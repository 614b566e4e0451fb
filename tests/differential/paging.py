"""What all ports over a world share: calls are noted, and pages are cut as they would be of rows."""

from collections.abc import Callable, Sequence
from typing import Any

from app.kernel.cursor import Position, encode_cursor
from app.kernel.errors import Unavailable
from app.kernel.page import Fetched, Page, Window, cut
from tests.differential.data import World


def called(world: World, name: str, size: int) -> None:
    world.calls.append((name, size))
    match world.failing.get(name):
        case "a":
            raise ConnectionError(f"{name}: connection lost")
        case "b":
            raise Unavailable(f"{name}: away")
        case "c" if size > 1:  # some keys are forgotten: the service finds that out
            raise KeyError(name)


def page_of(
    world: World, rows: Sequence[Any], window: Window, order: str, position_of: Callable[[Any], Position], scope: Any
) -> Page[Any, Any]:
    def key(position: Position) -> tuple[str, int]:
        return str(position.sort), position.id.int

    def cursor_of(row: Any) -> str:
        position = position_of(row)
        return encode_cursor(order, position.sort, position.id)

    ordered = sorted(rows, key=lambda row: key(position_of(row)), reverse=order.endswith("DESC"))
    places = [key(position_of(row)) for row in ordered]
    down = order.endswith("DESC")
    inside, before, after = [], False, False
    for row, place in zip(ordered, places, strict=True):
        if window.after and (place >= key(window.after) if down else place <= key(window.after)):
            before = True
        elif window.before and (place <= key(window.before) if down else place >= key(window.before)):
            after = True
        else:
            inside.append(row)
    if window.backward:
        inside.reverse()
    page = cut(Fetched(inside[: window.size + 1], before, after), window, cursor_of, scope)
    if world.holes and len(page.nodes) > 1:
        nodes: Any = page.nodes
        nodes[1] = (None, ValueError("a row that raises"), "a stranger")[len(page.nodes) % 3]
    return page
