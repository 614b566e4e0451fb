"""schema.graphql: the published contract, written from the code and compared with it (R80)."""

from difflib import unified_diff
from pathlib import Path

from app.resolvers.root import schema

NOTE = "# Written by `feature-api schema export` from app/schema and app/resolvers; do not edit it by hand.\n\n"


class StaleSchemaError(Exception):
    """The file is not the schema that the code has."""


def schema_text() -> str:
    return f"{NOTE}{schema.as_str()}\n"


def export_schema(file: Path) -> None:
    file.write_text(schema_text(), "utf-8")


def check_schema(file: Path) -> None:
    """Raises StaleSchemaError with the lines that differ."""
    published = file.read_text("utf-8") if file.exists() else ""
    if published == schema_text():
        return
    lines = unified_diff(published.splitlines(), schema_text().splitlines(), str(file), "the code", lineterm="", n=1)
    raise StaleSchemaError(f"{file} is stale: run `feature-api schema export` and commit it.\n" + "\n".join(lines))
