"""What every noun's texts are held to: faults are collected, and refused together."""

import unicodedata

from app.kernel.errors import InvalidInput, Problem

MAX_NAME = 255  # characters


def clean_name(name: str | None, problems: list[Problem]) -> str:
    """Trimmed and in NFC, so that names which look alike are alike; faults are added to `problems`."""
    path = ("name",)
    if name is None:
        problems.append(Problem(path, "REQUIRED", "`name` must not be null."))
        return ""
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not cleaned:
        problems.append(Problem(path, "MIN_LENGTH", "`name` must have at least 1 character besides spaces.", 1))
    elif len(cleaned) > MAX_NAME:
        problems.append(Problem(path, "MAX_LENGTH", f"`name` must have at most {MAX_NAME} characters.", MAX_NAME))
    elif any(unicodedata.category(character) == "Cc" for character in cleaned):
        problems.append(Problem(path, "FORMAT", "`name` must not contain control characters."))
    return cleaned


def refuse(problems: list[Problem]) -> None:
    """Raises InvalidInput with all of them, if there are any."""
    if problems:
        raise InvalidInput(problems)
