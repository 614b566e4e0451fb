"""The acts of `feature-api export` and `import`: what REST does with documents of any length, as the operator."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import batched
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from app.config.settings import Settings
from app.db.account import SqlAccounts
from app.db.database import Database
from app.db.feature import SqlFeatures
from app.domain.feature.bulk import Creation
from app.domain.feature.model import Feature, FeatureFilter, FeatureScope
from app.domain.feature.service import FeatureService
from app.kernel.actor import OPERATOR
from app.kernel.clock import new_id, utc_now
from app.kernel.errors import NotFound, Unavailable
from app.kernel.ids import UserId
from app.parts import pool_settings
from app.rest.export_v2 import Format, pieces
from app.rest.import_lines import CSV, MEDIA, Line, lines
from app.rest.imported import BATCH, BadLine, bad_line, write

type Send = Callable[[bytes], object]
type Progress = Callable[[int, int | None], None]  # (done, of how many, None where nobody knows)


class TransferError(Exception):
    """One line that says why a file cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Counts of lines: `good` ones were created, or in a dry run not refused by what is known beforehand."""

    good: int
    bad: int


async def export_features(
    settings: Settings,
    wanted: FeatureFilter,
    owner: str | None,
    format: Format,
    send: Send,
    progress: Progress | None,
) -> int:
    """How many; a page is in memory at a time. They are counted beforehand only where somebody sees the progress."""
    async with _opened(settings) as (service, accounts):
        if owner is not None:
            wanted = replace(wanted, owner_id=await _id_of(accounts, owner))
        total = (await service.count_many([FeatureScope(wanted, None, None)]))[0] if progress else 0
        sent = 0

        async def counted(pages: AsyncIterator[Sequence[Feature]]) -> AsyncIterator[Sequence[Feature]]:
            nonlocal sent
            async for page in pages:
                yield page
                sent += len(page)
                if progress:
                    progress(sent, max(sent, total))

        async for piece in pieces(counted(service.export(wanted)), format):
            send(piece)
    return sent


async def import_features(
    settings: Settings,
    file: BinaryIO,
    format: Format,
    owner: str | None,
    tell: Callable[[BadLine], None],
    progress: Progress | None,
    *,
    dry: bool,
) -> Imported:
    """Every bad line is told as it is met, the others are created. Raises Unavailable where the database goes away;
    what was created by then stays."""
    size = os.fstat(file.fileno()).st_size if file.seekable() else None
    good = bad = 0
    async with _opened(settings) as (service, accounts):
        owner_id = None if owner is None else await _id_of(accounts, owner)
        for batch in batched(lines(file, CSV if format == "csv" else MEDIA[0]), BATCH):
            refusals = await write(service, tuple(_owned(line, owner_id) for line in batch), dry=dry)
            for (number, _), refusal in zip(batch, refusals, strict=True):
                if refusal is not None:
                    tell(bad_line(number, refusal))
                    bad += 1
            good += refusals.count(None)
            if progress:
                progress(file.tell() if size is not None else good + bad, size)
            for refusal in refusals:
                if isinstance(refusal, Unavailable):
                    raise refusal
    return Imported(good, bad)


def read_file(path: Path) -> BinaryIO:
    """Raises TransferError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise TransferError(f"{path} cannot be read ({error.strerror}).") from None


def write_file(path: Path, fill: Callable[[Send], None]) -> None:
    """Under its name only once it is whole, and readable by its owner alone. Raises TransferError."""
    try:
        with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                fill(file.write)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:  # Ctrl-C too: nothing of it may stay
                with suppress(OSError):
                    Path(file.name).unlink()
                raise
    except OSError as error:
        raise TransferError(f"{path} cannot be written ({error.strerror}).") from None


def _owned(line: Line, owner_id: UserId | None) -> Line:
    """A line that does not say whose its feature shall be: that owner's."""
    number, found = line
    if not isinstance(found, Creation) or found.draft.owner_id is not None:
        return line
    return number, Creation(replace(found.draft, owner_id=owner_id))


async def _id_of(accounts: SqlAccounts, email: str) -> UserId:
    user = await accounts.fetch(email.lower())
    if user is None:
        raise NotFound(f"There is no user of email {email}.")
    return user.id


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[FeatureService, SqlAccounts]]:
    """One request's worth of service, whose id all entries of the command have in common."""
    database = Database(pool_settings(settings))
    request, limit = f"cli-{new_id()}", settings.active_feature_limit
    try:
        yield FeatureService(OPERATOR, SqlFeatures(database), request, utc_now, new_id, limit), SqlAccounts(database)
    finally:
        await database.close()
