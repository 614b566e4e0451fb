"""How soon a password would be guessed: well-known ones, words, names, dates, keys that are side by side (R22)."""

import re
from collections.abc import Sequence

LOOKED_AT = 72  # characters of it, as far as zxcvbn goes


def guesses(password: str, known: Sequence[str]) -> float:
    """How many tries it takes whoever begins with what is likeliest, the words of `known` first of all."""
    from zxcvbn import zxcvbn  # here: it reads 90,000 words, of which a server has no need

    words = [word for text in known for word in (text, *re.split(r"[\W_]+", text)) if word]
    return float(zxcvbn(password[:LOOKED_AT], words)["guesses"])
