"""docs/benchmarks.md in sections: each run writes its own, and leaves the others as they are."""

REST, LOAD = "## REST, beside GraphQL and Unleash", "## Load"
LAST = "## What was measured"  # the sections come before it


def section(page: str, heading: str) -> str:
    """From its heading to the next one of its rank; empty where the page has none."""
    _, found, rest = f"\n{page}".partition(f"\n{heading}\n")
    if not found:
        return ""
    words, _, _ = rest.partition("\n## ")
    return f"{heading}\n{words}\n" if words != rest else f"{heading}\n{words}"


def replaced(page: str, heading: str, new: str) -> str:
    """The page with this section, heading and all, in place of the one that it has, or before the last."""
    old = section(page, heading)
    if old:
        head, _, rest = page.partition(old)
        return f"{head}{new}{rest}"
    head, _, rest = page.partition(LAST)
    return f"{head}{new}{LAST}{rest}"
