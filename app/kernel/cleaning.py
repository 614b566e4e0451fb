"""What every noun's texts are held to: faults are collected, and refused together."""

import re
import unicodedata

from app.kernel.errors import InvalidInput, Problem

MAX_NAME = 255  # characters
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # Unicode's categories Cc and Cs


def clean_name(name: str | None, problems: list[Problem]) -> str:
    return clean_line("name", name, MAX_NAME, problems)


def clean_line(field: str, text: str | None, most: int, problems: list[Problem]) -> str:
    """Trimmed and in NFC, so that what looks alike is alike; 1 to `most` characters. Faults are added to `problems`."""
    path = (field,)
    if text is None:
        problems.append(Problem(path, "REQUIRED", f"`{field}` must not be null."))
        return ""
    cleaned = unicodedata.normalize("NFC", text).strip()
    if not cleaned:
        problems.append(Problem(path, "MIN_LENGTH", f"`{field}` must have at least 1 character besides spaces.", 1))
    elif len(cleaned) > most:
        problems.append(Problem(path, "MAX_LENGTH", f"`{field}` must have at most {most} characters.", most))
    elif CONTROLS.search(cleaned):
        problems.append(Problem(path, "FORMAT", f"`{field}` must not contain control characters."))
    return cleaned


def refuse(problems: list[Problem]) -> None:
    """Raises InvalidInput with all of them, if there are any."""
    if problems:
        raise InvalidInput(problems)
