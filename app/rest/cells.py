"""CSV by RFC 4180, in which no cell is a formula to a spreadsheet, and which comes back as it was."""

import csv
import re
from collections.abc import Sequence
from io import StringIO

# What spreadsheets take for the beginning of a formula: the characters that OWASP lists, wide forms too.
FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def guarded(cell: str) -> str:
    """With an apostrophe in front, which spreadsheets do not show, where it could be taken for a formula; a cell that
    looks guarded already gets another, so that `unguarded` is the way back for any text."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def line(cells: Sequence[str]) -> bytes:
    """As UTF-8, with its end; cells are guarded, and quoted where they have to be."""
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([guarded(cell) for cell in cells])
    return text.getvalue().encode()
