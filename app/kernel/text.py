"""Texts of one line that people write: names, and what is like them."""

import unicodedata

from app.kernel.errors import Problem


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
    elif any(unicodedata.category(character) in ("Cc", "Cs") for character in cleaned):
        problems.append(Problem(path, "FORMAT", f"`{field}` must not contain control characters."))
    return cleaned
