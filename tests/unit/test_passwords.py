"""Hashes in bounded threads: so many at once, so many that wait, and nothing lost when somebody gives up (R22, R64)."""

import asyncio
import threading
from collections.abc import Iterator

import bcrypt
import pytest

from app.auth.passwords import BoundedPasswords, Effort
from app.kernel.errors import Unavailable

LONG = "é" * 200


@pytest.fixture
def passwords() -> Iterator[BoundedPasswords]:
    made = BoundedPasswords(Effort(memory=8192, passes=1, threads=1, waiting=1))
    yield made
    made.close()


async def test_hash_is_argon2id_with_the_effort_and_a_salt_of_its_own(passwords: BoundedPasswords) -> None:
    one, other = await passwords.hash("secret"), await passwords.hash("secret")
    assert one.startswith("$argon2id$v=19$m=8192,t=1,p=1$") and one != other and "secret" not in one
    for found in (one, other):
        assert (await passwords.verify("secret", found)).right
        assert not (await passwords.verify("Secret", found)).right


async def test_nobodys_hash_costs_what_anybodys_does_and_never_fits(passwords: BoundedPasswords) -> None:
    kept = await passwords.hash("secret")
    parts, nobodys = kept.split("$"), passwords._nobodys.split("$")
    assert nobodys[:4] == parts[:4] and [len(part) for part in nobodys] == [len(part) for part in parts]
    assert not (await passwords.verify("secret", None)).right


async def test_bcrypt_looks_at_72_bytes_as_what_wrote_it_did(passwords: BoundedPasswords) -> None:
    kept = bcrypt.hashpw(LONG.encode()[:72], bcrypt.gensalt(4)).decode()
    verdict = await passwords.verify(LONG, kept)
    assert verdict.right and verdict.upgraded is not None
    assert (await passwords.verify(LONG, verdict.upgraded)).upgraded is None
    assert not (await passwords.verify(LONG[:36] + "x", verdict.upgraded)).right  # from now on all of it counts


async def test_who_comes_beyond_the_queue_is_turned_away_and_who_gives_up_makes_room(
    passwords: BoundedPasswords, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, started = threading.Event(), threading.Event()

    def work() -> int:
        started.set()
        assert gate.wait(20)
        return 1

    running = asyncio.create_task(passwords._run(work))
    await asyncio.to_thread(started.wait, 20)
    waiting = asyncio.create_task(passwords._run(work))
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(Unavailable) as raised:
            await passwords._run(work)
        assert raised.value.retry_after == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    another = asyncio.create_task(passwords._run(work))
    await asyncio.sleep(0)
    running.cancel()  # its thread goes on, and counts until it ends
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(Unavailable):
        await passwords._run(work)
    gate.set()
    assert await another == 1
    assert passwords._room == 2
