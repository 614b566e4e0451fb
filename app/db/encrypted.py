"""Which columns are encrypted, and the statements that bring their values under another key."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Column, Table, bindparam, func, select, update

from app.db.database import Database
from app.db.statement import Statement
from app.db.tables import signing_keys


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """`id` is the column, unique and never changed, that a value is bound to; a row's value may be NULL."""

    table: Table
    column: Column[bytes]
    id: Column[str]

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.column.name}"


# A new encrypted column joins here, and is re-encrypted with the others from then on.
ENCRYPTED = (EncryptedColumn(signing_keys, signing_keys.c.private_key, signing_keys.c.kid),)


class SqlEncrypted:
    """As the owner: the application's role may not write all of these."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_count(self, column: EncryptedColumn) -> int:
        return int((await self._database.fetch(_count(column)))[0][0])

    async def fetch_batch(self, column: EncryptedColumn, after: object, size: int) -> Sequence[tuple[object, bytes]]:
        """(id, value), by id, of ids after that one; None for the first batch."""
        given = {"size": size} if after is None else {"size": size, "after": after}
        rows = await self._database.fetch(_batch(column, after is None), **given)
        return [(row[0], row[1]) for row in rows]

    async def replace(self, column: EncryptedColumn, id: object, old: bytes, new: bytes) -> bool:
        """False where somebody has written the value meanwhile."""
        return bool(await self._database.fetch(_replace(column), of_id=id, old=old, new=new))


@lru_cache(64)
def _count(of: EncryptedColumn) -> Statement:
    return Statement("encrypted.count", select(func.count()).select_from(of.table).where(of.column.is_not(None)))


@lru_cache(64)
def _batch(of: EncryptedColumn, first: bool) -> Statement:
    rows = select(of.id, of.column).where(of.column.is_not(None)).order_by(of.id).limit(bindparam("size"))
    return Statement("encrypted.batch", rows if first else rows.where(of.id > bindparam("after")))


@lru_cache(64)
def _replace(of: EncryptedColumn) -> Statement:
    changed = update(of.table).where(of.id == bindparam("of_id"), of.column == bindparam("old"))
    return Statement("encrypted.replace", changed.values({of.column: bindparam("new")}).returning(of.id))
