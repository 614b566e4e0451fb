"""Brings every encrypted value under the first key of the ring, beside servers that run, as often as one likes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.auth.key_ring import KeyRing, UndecipherableError
from app.db.encrypted import EncryptedColumn, SqlEncrypted

BATCH = 500  # rows
PASSES = 5  # over a column whose rows are being written by others

type OnProgress = Callable[[str, int, int], None]  # (column, values looked at, values)


@dataclass(slots=True)
class Reencrypted:
    values: int = 0
    changed: int = 0
    contended: int = 0  # written by others again and again: the command must be run once more
    unreadable: list[str] = field(default_factory=list)  # `table.column of id`


async def reencrypt(
    store: SqlEncrypted, columns: tuple[EncryptedColumn, ...], ring: KeyRing, on_progress: OnProgress
) -> Reencrypted:
    """What is under the first key is left alone: a run that was cut off is taken up by the next. Raises Unavailable."""
    done = Reencrypted()
    for column in columns:
        for _ in range(PASSES):
            found = await _pass_over(store, column, ring, on_progress)
            done.changed += found.changed
            if not found.contended:
                break
        done.values += found.values
        done.contended += found.contended
        done.unreadable += found.unreadable
    return done


async def _pass_over(
    store: SqlEncrypted, column: EncryptedColumn, ring: KeyRing, on_progress: OnProgress
) -> Reencrypted:
    done, total, after = Reencrypted(), await store.fetch_count(column), None
    while batch := await store.fetch_batch(column, after, BATCH):
        for id, value in batch:
            if not ring.is_current(value):
                try:
                    anew = ring.encrypt(ring.decrypt(value, column.name, id), column.name, id)
                except UndecipherableError:
                    done.unreadable.append(f"{column.name} of {id}")
                    continue
                replaced = await store.replace(column, id, value, anew)
                done.changed += replaced
                done.contended += not replaced
        after = batch[-1][0]
        done.values += len(batch)
        on_progress(column.name, done.values, max(total, done.values))
    return done
