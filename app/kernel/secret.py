"""The text of an API token: recognised by scanners and by us without a look-up; it must not be logged or kept (R25).

fapi_p_ 43 characters, 256 random bits in base62, 6 characters, the CRC-32 of all before them in base62
"""

import re
from binascii import crc32
from hashlib import sha256

PREFIX = "fapi_"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ENTROPY = 32  # bytes
BODY, CHECK = 43, 6  # base62 digits that hold 256 and 32 bits
FORM = re.compile(rf"{PREFIX}[ps]_[0-9A-Za-z]{{{BODY + CHECK}}}", re.ASCII)
LENGTH = len("fapi_p_") + BODY + CHECK
HINT = 11  # characters: the prefix and 24 of the 256 bits


def make_secret(kind: str, entropy: bytes) -> str:
    """`kind`: p or s. Raises ValueError where the entropy is not 256 bits."""
    if len(entropy) != ENTROPY:
        raise ValueError("a token is made of 256 random bits")
    body = f"{PREFIX}{kind}_{_base62(int.from_bytes(entropy), BODY)}"
    return body + _checksum(body)


def is_secret(text: str) -> bool:
    """Could we have made it? Tells mistyped and cut ones, not forged ones: the checksum is no seal."""
    return FORM.fullmatch(text) is not None and text[-CHECK:] == _checksum(text[:-CHECK])


def hash_of(secret: str) -> bytes:
    """SHA-256: what is guessed among 2**256 needs no slow hash."""
    return sha256(secret.encode()).digest()


def hint_of(secret: str) -> str:
    """The beginning, by which its owner knows it again."""
    return secret[:HINT]


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()), CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
