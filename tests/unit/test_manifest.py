"""Trusted documents as client tools write them; whatever is wrong with them is one line."""

from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from app.web.manifest import ManifestError, by_every_id, read_manifest

A, B = "query A { viewer { name } }", "mutation B { x }\n"


def write(folder: Path, content: object) -> Path:
    file = folder / "manifest.json"
    file.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return file


def test_folder_has_a_document_per_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.graphql").write_text(A)
    (tmp_path / "deep" / "b.gql").write_text(B)
    (tmp_path / "c.txt").write_text("not one")
    assert read_manifest(tmp_path) == {"a": A, "b": B}


def test_manifest_of_apollo(tmp_path: Path) -> None:
    operations = [{"id": "1", "name": "A", "type": "query", "body": A}, {"id": "2", "body": B}]
    manifest = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}
    assert read_manifest(write(tmp_path, manifest)) == {"1": A, "2": B}


def test_manifest_of_relay_and_of_code_generator(tmp_path: Path) -> None:
    assert read_manifest(write(tmp_path, {"x": A, "y": B})) == {"x": A, "y": B}


def test_document_is_found_by_its_name_its_hash_and_the_prefixed_hash() -> None:
    hash = sha256(A.encode()).hexdigest()
    assert by_every_id({"a": A}) == {"a": A, hash: A, f"sha256:{hash}": A}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "manifest.json is no valid JSON"),
        (b"\xff", "manifest.json is no valid JSON"),
        ([], "must be a JSON object"),
        ({}, "has no document"),
        ({"a": 1}, "an id and a document, both strings"),
        ({"format": "other", "operations": []}, "apollo-persisted-query-manifest"),
        ({"format": "apollo-persisted-query-manifest", "operations": {}}, "apollo-persisted-query-manifest"),
        ({"format": "apollo-persisted-query-manifest", "operations": []}, "has no document"),
        ({"format": "apollo-persisted-query-manifest", "operations": [1]}, "an id and a document"),
        ({"format": "apollo-persisted-query-manifest", "operations": [{"id": "a"}]}, "an id and a document"),
        (
            {
                "format": "apollo-persisted-query-manifest",
                "operations": [{"id": "a", "body": A}, {"id": "a", "body": B}],
            },
            "two documents have the name a",
        ),
    ],
)
def test_manifest_that_is_none_is_refused_in_one_line(tmp_path: Path, content: object, reason: str) -> None:
    with pytest.raises(ManifestError, match=reason) as raised:
        read_manifest(write(tmp_path, content))
    assert "\n" not in str(raised.value)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"nowhere\.json cannot be read: No such file"):
        read_manifest(tmp_path / "nowhere.json")
    with pytest.raises(ManifestError, match="has no document"):
        read_manifest(tmp_path)
    (tmp_path / "a.graphql").write_bytes(b"\xff")
    with pytest.raises(ManifestError, match="not UTF-8"):
        read_manifest(tmp_path)
