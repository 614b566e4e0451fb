"""What clients do, for commands: as servers recorded it, as the operator trusts it, or as it was exported to a file."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from app.config.settings import Settings
from app.contract.change import NotComparable
from app.contract.clients import Client, SeenOperation
from app.db.recorded_operation import SqlRecordedOperations
from app.kernel.clock import utc_now
from app.parts import owner_database
from app.web.manifest import ManifestError, read_manifest

TRUSTED = Client("trusted documents", "")


async def fetch_seen(settings: Settings, days: int) -> list[SeenOperation]:
    """Of the last `days`, and what is registered, which may come at any time. Raises Unavailable and NotComparable."""
    async with owner_database(settings) as database:
        seen = await SqlRecordedOperations(database).fetch_seen(utc_now() - timedelta(days=days))
    if settings.trusted_documents == "off" or settings.trusted_documents_path is None:
        return seen
    try:
        trusted = read_manifest(settings.trusted_documents_path)
    except ManifestError as error:
        raise NotComparable(f"TRUSTED_DOCUMENTS_PATH: {error}") from None
    return [
        *seen,
        *(SeenOperation(sha256(text.encode()).hexdigest(), id, text, [TRUSTED]) for id, text in trusted.items()),
    ]


def exported(operations: Iterable[SeenOperation]) -> str:
    """JSON, for a file that travels to where no database is."""
    found = [
        {
            "hash": operation.hash,
            "name": operation.name,
            "document": operation.document,
            "clients": [
                {"name": client.name, "version": client.version, "calls": client.calls, "last_at": client.last_at}
                for client in operation.clients
            ],
        }
        for operation in operations
    ]
    return orjson.dumps({"operations": found}, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def read_exported(file: Path, days: int) -> list[SeenOperation]:
    """Without what was not sent in the last `days`. Raises NotComparable."""
    try:
        rows: Any = orjson.loads(file.read_bytes())["operations"]
        operations = [
            SeenOperation(row["hash"], row["name"], row["document"], [_client(client) for client in row["clients"]])
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise NotComparable(f"{file} is nothing that `feature-api operations export` wrote.") from None
    since = utc_now() - timedelta(days=days)
    recent = [SeenOperation(one.hash, one.name, one.document, _recent(one.clients, since)) for one in operations]
    return [one for one in recent if one.clients]


def lines_of(operations: Sequence[SeenOperation]) -> list[str]:
    """One for each operation and client, the last first."""
    rows = [(client, operation) for operation in operations for client in operation.clients]
    rows.sort(key=lambda row: (row[0].last_at is not None, row[0].last_at or 0, row[1].hash), reverse=True)
    return [
        f"{_when(client)}  {client.calls:>8}  {client.label}  {operation.label}  {operation.hash[:12]}"
        for client, operation in rows
    ]


def _client(row: Any) -> Client:
    at = row["last_at"]
    return Client(row["name"], row["version"], int(row["calls"]), None if at is None else datetime.fromisoformat(at))


def _recent(clients: Iterable[Client], since: datetime) -> list[Client]:
    return [client for client in clients if client.last_at is None or client.last_at >= since]


def _when(client: Client) -> str:
    return f"{'registered':<20}" if client.last_at is None else f"{client.last_at:%FT%TZ}"
