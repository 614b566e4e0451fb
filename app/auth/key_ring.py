"""Encryption of sensitive columns (R31): AES-256-GCM by a ring of keys, of which the first encrypts and all decrypt.

A value is bound to its column and its row: one that was copied elsewhere does not open. Fernet would be shorter, but
has 128-bit keys and cannot bind. Layout: version (1 byte), key id (4), nonce (12), ciphertext, tag (16).
"""

import base64
import binascii
import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.auth.keys import KeysError, keep_private

VERSION = b"\x01"
ID, NONCE, KEY = 4, 12, 32  # bytes
MOST = 16  # keys
FEWEST_VALUES = 16  # of the 32 bytes; random ones have 30
HOW = "make one with `feature-api keys new`"


class UndecipherableError(Exception):
    """Another key's, another place's, or damaged: which, is not told."""

    def __init__(self) -> None:
        super().__init__("A value cannot be decrypted with this key ring.")


class KeyRing:
    """Keys of 32 bytes. Nothing of them is in any text of it."""

    __slots__ = ("_by_id", "_first")

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._by_id = {_id_of(key): AESGCM(key) for key in keys}
        self._first = _id_of(keys[0])

    def __repr__(self) -> str:
        return f"KeyRing({len(self._by_id)} keys)"

    def encrypt(self, plain: bytes, column: str, id: object) -> bytes:
        """`column` is `table.column`; the row's `id` must never change. 2³² values are safe under one key."""
        head, nonce = VERSION + self._first, os.urandom(NONCE)
        return head + nonce + self._by_id[self._first].encrypt(nonce, plain, _bound(head, column, id))

    def decrypt(self, value: bytes, column: str, id: object) -> bytes:
        """Raises UndecipherableError."""
        head, nonce = value[: 1 + ID], value[1 + ID : 1 + ID + NONCE]
        key = self._by_id.get(head[1:])
        if head[:1] != VERSION or key is None or len(nonce) < NONCE:
            raise UndecipherableError
        try:
            return key.decrypt(nonce, value[1 + ID + NONCE :], _bound(head, column, id))
        except InvalidTag:
            raise UndecipherableError from None

    def is_current(self, value: bytes) -> bool:
        """Is it under the first key?"""
        return value[: 1 + ID] == VERSION + self._first


def new_key() -> str:
    """32 random bytes in Base64."""
    return base64.b64encode(os.urandom(KEY)).decode()


def read_ring(text: str) -> KeyRing:
    """Keys in Base64, with commas or line ends between. Raises KeysError, which names a key by its place alone."""
    words = [word for word in re.split(r"[,\s]+", text) if word]
    if not 1 <= len(words) <= MOST:
        raise KeysError(f"The key ring must have 1 to {MOST} keys: {HOW}.")
    keys = [_key(word, f"Key {place} of the ring") for place, word in enumerate(words, 1)]
    if len({_id_of(key) for key in keys}) < len(keys):
        raise KeysError("The key ring has a key twice: each must differ from the others.")
    return KeyRing(keys)


def development_ring(file: Path) -> KeyRing:
    """That in the file, which is made with a new key where it is missing."""
    return read_ring(keep_private(file, new_key))


def _key(word: str, which: str) -> bytes:
    try:
        key = base64.b64decode(word.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (ValueError, binascii.Error):
        raise KeysError(f"{which} is no Base64: {HOW}.") from None
    if len(key) != KEY:
        raise KeysError(f"{which} has {len(key) * 8} bits, and must have {KEY * 8}: {HOW}.")
    if len(set(key)) < FEWEST_VALUES or all(32 <= byte < 127 for byte in key):
        raise KeysError(f"{which} is a text or a pattern, not random: {HOW}.")
    return key


def _id_of(key: bytes) -> bytes:
    return sha256(b"feature-api key ring\0" + key).digest()[:ID]


def _bound(head: bytes, column: str, id: object) -> bytes:
    return head + f"{column}\0{id}".encode()
