"""docs/benchmarks.svg: a panel of bars per workload; the longest may be cut, so that short ones can be told apart."""

from collections.abc import Iterator, Sequence
from html import escape
from statistics import median

from bench.contenders import Contender
from bench.figures import Results
from bench.workloads import Workload

WIDTH, LABELS, NUMBERS = 860, 190, 150  # pixels: of all, of the names, of the figures behind the bars
BAR, GAP, HEAD, FOOT = 16, 7, 40, 34
CUT = 3.0  # times the median, from where on a bar is cut
SERVER, POSTGRES = "#2f6f8f", "#a9c6d3"


def draw(results: Results, contenders: Sequence[Contender], workloads: Sequence[Workload]) -> str:
    panel = HEAD + len(contenders) * (BAR + GAP)
    height = len(workloads) * panel + FOOT + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#1c2326">',
        "<title>CPU milliseconds per request, by workload and server</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for index, workload in enumerate(workloads):
        parts += _panel(results, contenders, workload, index * panel)
    parts += _legend(height - FOOT / 2)
    return "\n".join([*parts, "</svg>", ""])


def _panel(results: Results, contenders: Sequence[Contender], workload: Workload, top: int) -> Iterator[str]:
    found = {each: figures for each in contenders if (figures := results.get(each.name, workload.name))}
    middle = median(figures.both for figures in found.values())
    longest = max(figures.both for figures in found.values() if figures.both <= CUT * middle)
    scale = (WIDTH - LABELS - NUMBERS) / longest
    yield _text(12, top + 26, f"{workload.name}: {workload.title}", "font-weight='600'")
    for row, (contender, figures) in enumerate(found.items()):
        y = top + HEAD + row * (BAR + GAP)
        server, both = min(figures.server, longest) * scale, min(figures.both, longest) * scale
        cut = figures.both > longest
        weight = "font-weight='600'" if contender.name == "ours" else ""
        yield _text(LABELS - 10, y + BAR - 4, contender.title, f"text-anchor='end' {weight}")
        yield f'<rect x="{LABELS}" y="{y}" width="{both:.1f}" height="{BAR}" fill="{POSTGRES}"/>'
        yield f'<rect x="{LABELS}" y="{y}" width="{server:.1f}" height="{BAR}" fill="{SERVER}"/>'
        if cut:  # a white gap says that the bar goes on
            x = LABELS + both - 26
            yield f'<path d="M{x} {y + BAR} l6 -{BAR} h6 l-6 {BAR} z" fill="#ffffff"/>'
        words = f"{figures.server:.3g} + {figures.postgres:.2g} ms"
        yield _text(LABELS + both + 8, y + BAR - 4, words, weight)


def _legend(y: float) -> Iterator[str]:
    for x, colour, words in ((LABELS, SERVER, "server"), (LABELS + 90, POSTGRES, "PostgreSQL")):
        yield f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 18, y, words, "")
    yield _text(LABELS + 210, y, "CPU milliseconds per request; shorter is better", "fill='#5a666b'")


def _text(x: float, y: float, words: str, attributes: str) -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' {attributes}>{escape(words)}</text>"
