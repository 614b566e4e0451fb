"""Re-encryption of columns under another key: in batches, again after a cut, beside servers that write (R31)."""

from collections.abc import Sequence

import asyncpg
import pytest
from sqlalchemy import LargeBinary

from app.auth import reencrypt as reencrypt_module
from app.auth.key_ring import KeyRing, new_key, read_ring
from app.auth.reencrypt import Reencrypted, reencrypt
from app.db.database import Database
from app.db.encrypted import ENCRYPTED, EncryptedColumn, SqlEncrypted
from app.db.tables import metadata
from app.kernel.clock import utc_now
from app.kernel.errors import Unavailable
from tests.fixtures.world import insert

type Owner = "asyncpg.Connection[asyncpg.Record]"
type Seen = list[tuple[str, int, int]]

OLD, NEW = new_key(), new_key()
BEFORE, BOTH, AFTER = read_ring(OLD), read_ring(f"{NEW},{OLD}"), read_ring(NEW)
[COLUMN] = ENCRYPTED
COUNT = 7


def kid_of(number: int) -> str:
    return f"{number:043}"


async def plant(owner: Owner, ring: KeyRing, numbers: Sequence[int]) -> None:
    for number in numbers:
        kid, now = kid_of(number), utc_now()
        row = {
            "kid": kid,
            "algorithm": "Ed25519",
            "public_jwk": f'{{"kid": "{kid}"}}',
            "private_key": ring.encrypt(f"secret {number}".encode(), COLUMN.name, kid),
            **dict.fromkeys(("created_at", "signs_from", "signs_until", "verifies_until"), now),
        }
        await insert(owner, "signing_keys", row)


async def opened(owner: Owner, ring: KeyRing) -> list[bytes]:
    rows = await owner.fetch("SELECT kid, private_key FROM signing_keys ORDER BY kid")
    return [ring.decrypt(row[1], COLUMN.name, row[0]) for row in rows]


async def run(store: SqlEncrypted, ring: KeyRing = BOTH, seen: Seen | None = None) -> Reencrypted:
    return await reencrypt(
        store, ENCRYPTED, ring, lambda *progress: (seen if seen is not None else []).append(progress)
    )


WHOLE = [f"secret {number}".encode() for number in range(COUNT)]


@pytest.fixture
async def planted(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows under the old key, more than two batches."""
    monkeypatch.setattr(reencrypt_module, "BATCH", 3)
    await plant(owner, BEFORE, range(COUNT))


@pytest.fixture
def store(owners_database: Database, planted: None) -> SqlEncrypted:
    return SqlEncrypted(owners_database)


def test_every_binary_column_is_registered_or_said_to_be_plain() -> None:
    """A column that is encrypted and forgotten here would be lost with the old key."""
    hashes = {"api_tokens.hash", "refresh_tokens.hash", "idempotency_keys.key_hash", "idempotency_keys.fingerprint"}
    hashes.add("recorded_operations.hash")
    plain = hashes | {"refresh_tokens.nonce", "idempotency_keys.body"}  # an answer that holds a secret is never kept
    binary = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert binary - plain == {column.name for column in ENCRYPTED}


async def test_all_values_come_under_the_first_key_in_batches(owner: Owner, store: SqlEncrypted) -> None:
    seen: Seen = []
    assert await run(store, seen=seen) == Reencrypted(values=COUNT, changed=COUNT)
    assert seen == [(COLUMN.name, done, COUNT) for done in (3, 6, 7)]
    assert await opened(owner, AFTER) == WHOLE


async def test_second_run_changes_nothing(owner: Owner, store: SqlEncrypted) -> None:
    await run(store)
    before = await owner.fetch("SELECT * FROM signing_keys ORDER BY kid")
    assert await run(store) == Reencrypted(values=COUNT, changed=0)
    assert await owner.fetch("SELECT * FROM signing_keys ORDER BY kid") == before


async def test_empty_column_is_done_at_once(owner: Owner, store: SqlEncrypted) -> None:
    await owner.execute("DELETE FROM signing_keys")
    assert await run(store) == Reencrypted()


class Cut(SqlEncrypted):
    """The database goes away at the fourth write."""

    writes = 0

    async def replace(self, column: EncryptedColumn, id: object, old: bytes, new: bytes) -> bool:
        self.writes += 1
        if self.writes == 4:
            raise Unavailable("away")
        return await super().replace(column, id, old, new)


async def test_run_that_was_cut_off_is_taken_up_by_the_next(
    owner: Owner, store: SqlEncrypted, owners_database: Database
) -> None:
    with pytest.raises(Unavailable):
        await run(Cut(owners_database))
    assert await opened(owner, BOTH) == WHOLE
    assert await run(store) == Reencrypted(values=COUNT, changed=COUNT - 3)
    assert await opened(owner, AFTER) == WHOLE


class Raced(SqlEncrypted):
    """A server writes the row, under the old key still, between reading and writing; `times` in all."""

    def __init__(self, database: Database, owner: Owner, times: int) -> None:
        super().__init__(database)
        self.owner, self.times = owner, times

    async def replace(self, column: EncryptedColumn, id: object, old: bytes, new: bytes) -> bool:
        if self.times:
            self.times -= 1
            theirs = BEFORE.encrypt(b"written meanwhile", column.name, id)
            await self.owner.execute("UPDATE signing_keys SET private_key = $1 WHERE kid = $2", theirs, id)
        return await super().replace(column, id, old, new)


async def test_what_a_server_writes_meanwhile_is_kept_and_re_encrypted_after_it(
    owner: Owner, owners_database: Database, planted: None
) -> None:
    done = await run(Raced(owners_database, owner, 2))
    assert (done.values, done.changed, done.contended, done.unreadable) == (COUNT, COUNT, 0, [])
    assert await opened(owner, AFTER) == [b"written meanwhile"] * 2 + WHOLE[2:]


async def test_row_that_is_written_all_the_while_is_counted_and_not_overwritten(
    owner: Owner, owners_database: Database, planted: None
) -> None:
    await owner.execute("DELETE FROM signing_keys WHERE kid > $1", kid_of(0))
    done = await run(Raced(owners_database, owner, 1000))
    assert (done.changed, done.contended) == (0, 1)
    assert await opened(owner, BEFORE) == [b"written meanwhile"]


async def test_value_that_no_key_opens_is_named_and_left_and_the_others_go_on(
    owner: Owner, store: SqlEncrypted
) -> None:
    await plant(owner, read_ring(new_key()), [COUNT])
    swap = "UPDATE signing_keys SET private_key = (SELECT private_key FROM signing_keys WHERE kid = $1) WHERE kid = $2"
    await owner.execute(swap, kid_of(0), kid_of(1))
    done = await run(store)
    assert done.unreadable == [f"{COLUMN.name} of {kid_of(number)}" for number in (1, COUNT)]
    assert (done.values, done.changed, done.contended) == (COUNT + 1, COUNT - 1, 0)
