"""Passwords as hashes: Argon2id, and bcrypt that another system left (R22). At most so many are worked on at once."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import urandom
from threading import Lock

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from app.domain.session.model import Verdict
from app.kernel.errors import Unavailable

BCRYPT = ("$2a$", "$2b$", "$2y$")
BCRYPT_BYTES = 72  # what bcrypt looks at; all that wrote such hashes cut there
LANES = 1  # threads of one hash: several at once use the cores as well
SALT, HASH = 16, 32  # bytes (RFC 9106 §4)


@dataclass(frozen=True, slots=True)
class Effort:
    """Of one hash (RFC 9106): memory in KiB, passes over it. `threads` are at it at once, `waiting` more may wait."""

    memory: int
    passes: int
    threads: int
    waiting: int


class BoundedPasswords:
    """In threads of its own, so that no request waits for another's password, and memory is bounded: `threads` times
    `memory`. Beyond `waiting` callers are turned away, rather than answered too late (R64)."""

    def __init__(self, effort: Effort) -> None:
        self._hasher = PasswordHasher(
            effort.passes, effort.memory, LANES, hash_len=HASH, salt_len=SALT, encoding="utf-8", type=Type.ID
        )
        # Nobody's: its salt and its hash are random, so that to check it costs as much as any, and fails.
        salt, digest = (b64encode(urandom(size)).decode().rstrip("=") for size in (SALT, HASH))
        self._nobodys = f"$argon2id$v=19$m={effort.memory},t={effort.passes},p={LANES}${salt}${digest}"
        self._threads = ThreadPoolExecutor(effort.threads, thread_name_prefix="password")
        self._room, self._lock = effort.threads + effort.waiting, Lock()

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        return await self._run(lambda: self._verify(password, password_hash or self._nobodys))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run[T](self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._room == 0:
                raise Unavailable("Too many log in at this moment: try again.")
            self._room -= 1
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: self._done())
        return await asyncio.wrap_future(future)

    def _done(self) -> None:
        """In the thread that did it: whoever asked may have gone, and its work counts until it ends."""
        with self._lock:
            self._room += 1

    def _verify(self, password: str, password_hash: str) -> Verdict:
        if password_hash.startswith(BCRYPT):
            if not _matches_bcrypt(password, password_hash):
                return Verdict(False)
            return Verdict(True, self._hasher.hash(password))
        try:
            self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return Verdict(False)
        stale = self._hasher.check_needs_rehash(password_hash)
        return Verdict(True, self._hasher.hash(password) if stale else None)


def _matches_bcrypt(password: str, password_hash: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], password_hash.encode())
    except ValueError:  # a hash that is none, or a NUL
        return False
