"""The published contracts, written from the code and compared with it (R80): schema.graphql and openapi.json."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from difflib import unified_diff
from importlib import metadata
from pathlib import Path

from app.resolvers.root import schema
from app.rest.openapi.document import as_json
from app.rest.version import current_version, legacy_version
from app.web.contract import contract

NOTE = "# Written by `feature-api schema export` from app/schema and app/resolvers; do not edit it by hand.\n\n"


class StaleSchemaError(Exception):
    """The file is not the contract that the code has."""


@dataclass(frozen=True, slots=True)
class Published:
    """`command`: of the group that has `export` and `check`."""

    command: str
    text: Callable[[], str]

    def export(self, file: Path) -> None:
        file.write_text(self.text(), "utf-8")

    def check(self, file: Path) -> None:
        """Raises StaleSchemaError with the lines that differ."""
        published, text = file.read_text("utf-8") if file.exists() else "", self.text()
        if published == text:
            return
        lines = unified_diff(published.splitlines(), text.splitlines(), str(file), "the code", lineterm="", n=1)
        advice = f"{file} is stale: run `feature-api {self.command} export` and commit it.\n"
        raise StaleSchemaError(advice + "\n".join(lines))


def schema_text() -> str:
    return f"{NOTE}{schema.as_str()}\n"


def openapi_text() -> str:
    versions = (legacy_version(date.min, None), current_version())  # the days are in no document
    return as_json(contract(versions, metadata.version("feature-api"))).decode()


SCHEMA = Published("schema", schema_text)
OPENAPI = Published("openapi", openapi_text)
