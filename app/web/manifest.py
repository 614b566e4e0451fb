"""Trusted documents from disk: a folder of .graphql files, or a manifest as client tools write it.

Manifests: Apollo's ({"format": "apollo-persisted-query-manifest", "operations": [{"id", "body", …}]}), and {id: text} of
Relay's compiler and GraphQL Code Generator.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

APOLLO = "apollo-persisted-query-manifest"
ENDINGS = frozenset({".graphql", ".gql"})


class ManifestError(Exception):
    """One line that says what to mend."""


def read_manifest(path: Path) -> dict[str, str]:
    """Texts by their names: file names without the ending, or the manifest's ids. Raises ManifestError."""
    try:
        pairs = list(_files(path)) if path.is_dir() else list(_operations(orjson.loads(path.read_bytes())))
    except orjson.JSONDecodeError as error:
        raise ManifestError(f"{path.name} is no valid JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise ManifestError(f"{path.name} has a file that is not UTF-8") from None
    except OSError as error:
        raise ManifestError(f"{path.name} cannot be read: {error.strerror}") from None
    if not pairs:
        raise ManifestError(f"{path.name} has no document in it")
    found: dict[str, str] = {}
    for name, text in pairs:
        if found.setdefault(name, text) != text:
            raise ManifestError(f"two documents have the name {name}")
    return found


def by_every_id(documents: dict[str, str]) -> dict[str, str]:
    """The same texts under their names, and under their hashes, with the draft's prefix `sha256:` and without."""
    hashes = {sha256(text.encode()).hexdigest(): text for text in documents.values()}
    return {**hashes, **{f"sha256:{hash}": text for hash, text in hashes.items()}, **documents}


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if file.suffix in ENDINGS and file.is_file():
            yield file.stem, file.read_bytes().decode()


def _operations(manifest: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(manifest, dict):
        raise ManifestError("a manifest must be a JSON object")
    if "operations" not in manifest and "format" not in manifest:
        entries = [{"id": id, "body": body} for id, body in manifest.items()]
    elif manifest.get("format") == APOLLO and isinstance(manifest.get("operations"), list):
        entries = manifest["operations"]
    else:
        raise ManifestError(f'a manifest with operations must have the format "{APOLLO}"')
    for entry in entries:
        id, body = (entry.get("id"), entry.get("body")) if isinstance(entry, dict) else (None, None)
        if not isinstance(id, str) or not isinstance(body, str):
            raise ManifestError("every entry of a manifest must have an id and a document, both strings")
        yield id, body
