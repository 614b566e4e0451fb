"""docs/load.svg: a panel per profile, with response times as lines and requests per second behind them."""

from collections.abc import Callable, Iterator, Sequence
from html import escape

from bench.artillery import Played, Point

WIDTH, LEFT, RIGHT, HEAD, PANEL, FOOT = 860, 60, 60, 34, 170, 44  # pixels
RATE = "#e3ebee"
LINES: Sequence[tuple[str, str, Callable[[Point], float]]] = (
    ("P50", "#2f6f8f", lambda point: point.p50),
    ("P95", "#d08a2e", lambda point: point.p95),
    ("P99", "#b23a48", lambda point: point.p99),
)
LEAST = 10.0  # milliseconds: the scale is never finer


def draw(profiles: Sequence[Played]) -> str:
    height = len(profiles) * (HEAD + PANEL + FOOT)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#1c2326">',
        "<title>Response times and requests per second, by profile</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for index, profile in enumerate(profiles):
        parts += _panel(profile, index * (HEAD + PANEL + FOOT))
    return "\n".join([*parts, "</svg>", ""])


def _panel(played: Played, top: int) -> Iterator[str]:
    points = [point for point in played.points if point.rate]
    bottom = top + HEAD + PANEL
    yield _text(12, top + 22, played.profile, "font-weight='600'")
    yield from _legend(top + 22)
    if not points:
        return
    last = max(1, points[-1].second)
    highest = max(LEAST, *(point.p99 for point in points))
    most = max(point.rate for point in points)

    def x(point: Point) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * point.second / last

    def y(share: float) -> float:
        return bottom - PANEL * share

    edge = [f"{x(points[0]):.1f},{bottom}", *(f"{x(point):.1f},{y(point.rate / most):.1f}" for point in points)]
    yield f'<polygon points="{" ".join([*edge, f"{x(points[-1]):.1f},{bottom}"])}" fill="{RATE}"/>'
    for share in (0, 0.5, 1):
        yield f'<path d="M{LEFT} {y(share):.1f} H{WIDTH - RIGHT}" stroke="#c9d3d7" stroke-width="1"/>'
        yield _text(LEFT - 8, y(share) + 4, f"{highest * share:.0f} ms", "text-anchor='end' fill='#5a666b'")
        yield _text(WIDTH - RIGHT + 8, y(share) + 4, f"{most * share:.0f}/s", "fill='#5a666b'")
    for _, colour, value in LINES:
        line = " ".join(f"{x(point):.1f},{y(value(point) / highest):.1f}" for point in points)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for point in points:
        yield _text(x(point), bottom + 18, f"{point.second}", "text-anchor='middle' fill='#5a666b'")
    yield _text(WIDTH / 2, bottom + 36, "seconds", "text-anchor='middle' fill='#5a666b'")


def _legend(y: float) -> Iterator[str]:
    for index, (name, colour, _) in enumerate(LINES):
        at = WIDTH - RIGHT - 330 + index * 60
        yield f'<rect x="{at}" y="{y - 5}" width="16" height="3" fill="{colour}"/>'
        yield _text(at + 22, y, name, "")
    yield f'<rect x="{WIDTH - RIGHT - 140}" y="{y - 10}" width="12" height="12" fill="{RATE}"/>'
    yield _text(WIDTH - RIGHT - 122, y, "requests per second", "")


def _text(x: float, y: float, words: str, attributes: str) -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' {attributes}>{escape(words)}</text>"
