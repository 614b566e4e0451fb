"""Documents that the operator trusts: run by their ids; and, where the setting says so, nothing but them."""

from pathlib import Path

import orjson
import pytest

from app.config.settings import SettingsError, read_settings
from tests.fixtures.endpoint import ADMIN, MODERN, get, hash_of, persisted, refusal, world_with
from tests.fixtures.world import World

TEXT = "query Name { viewer { name } }\n"
SCHEMA = "{ __schema { queryType { name } } }"
NOT_FOUND, NOT_TRUSTED = (404, "PERSISTED_QUERY_NOT_FOUND"), (403, "DOCUMENT_NOT_TRUSTED")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    made.mkdir()
    (made / "name.graphql").write_text(TEXT)
    return made


@pytest.mark.parametrize("mode", ["allow", "only"])
async def test_trusted_document_is_run_by_all_of_its_ids_and_by_its_text(world: World, folder: Path, mode: str) -> None:
    async with world_with(world, trusted_documents=mode, trusted_documents_path=folder) as other:
        for id in ("name", hash_of(TEXT), f"sha256:{hash_of(TEXT)}"):
            assert (await other.post({"documentId": id})).json() == ADMIN
            assert (await get(other, documentId=id)).json() == ADMIN
        assert (await other.post({"extensions": persisted(TEXT)})).json() == ADMIN
        assert (await other.post({"query": TEXT})).json() == ADMIN
        assert refusal(await other.post({"documentId": "Name"}, accept=MODERN)) == NOT_FOUND


async def test_nothing_else_is_run_where_only_they_are_admitted(world: World, folder: Path) -> None:
    async with world_with(world, trusted_documents="only", trusted_documents_path=folder) as strict:
        for text in (TEXT + " ", "{ viewer { name } }", SCHEMA, "{", ""):
            response = await strict.post({"query": text, "extensions": persisted(text)}, accept=MODERN)
            assert refusal(response) in (NOT_TRUSTED, (400, "BAD_REQUEST"))
            assert refusal(await strict.post({"extensions": persisted(text)}, accept=MODERN)) == NOT_FOUND
        assert refusal(await get(strict, query=SCHEMA)) == NOT_TRUSTED
        assert refusal(await strict.post({"query": SCHEMA})) == NOT_TRUSTED  # in every media type


async def test_what_clients_registered_before_is_not_run_where_only_trusted_ones_are(
    world: World, folder: Path
) -> None:
    text = f"# {world.users['admin']}\n{{ viewer {{ name }} }}"
    assert (await world.post({"query": text, "extensions": persisted(text)})).json() == ADMIN
    async with world_with(world, trusted_documents="only", trusted_documents_path=folder) as strict:
        for body in ({"extensions": persisted(text)}, {"documentId": hash_of(text)}):
            assert refusal(await strict.post(body, accept=MODERN)) == NOT_FOUND


async def test_trust_is_off_by_default(world: World, folder: Path) -> None:
    async with world_with(world, trusted_documents_path=folder) as other:
        assert refusal(await other.post({"documentId": "name"}, accept=MODERN)) == NOT_FOUND


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{ nope }", "bad cannot be run: Cannot query field 'nope' on type 'Query'."),
        ("{", "bad cannot be run: Syntax Error: Expected Name, found <EOF>."),
        ("fragment A on Query { viewer { id } }", "bad cannot be run: The document has no operation"),
        ("{ viewer" * 20 + "{ id }" + "}" * 20, "bad cannot be run: An operation may be at most 15 levels deep"),
    ],
)
async def test_document_that_cannot_be_run_stops_the_start_in_one_line(
    world: World, folder: Path, content: str, reason: str
) -> None:
    (folder / "bad.graphql").write_text(content)
    with pytest.raises(SettingsError) as raised:
        async with world_with(world, trusted_documents="only", trusted_documents_path=folder):
            pass
    assert str(raised.value).startswith(f"TRUSTED_DOCUMENTS_PATH: {reason}")
    assert "\n" not in str(raised.value)


async def test_manifest_that_is_none_stops_the_start(world: World, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"^TRUSTED_DOCUMENTS_PATH: gone cannot be read: No such file or directory$"
    ):
        async with world_with(world, trusted_documents="allow", trusted_documents_path=tmp_path / "gone"):
            pass


def test_trust_without_a_path_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "development")
    monkeypatch.setenv("TRUSTED_DOCUMENTS", "only")
    with pytest.raises(SettingsError, match="TRUSTED_DOCUMENTS_PATH must be set"):
        read_settings()


async def test_manifest_of_apollo_serves_by_its_ids(world: World, tmp_path: Path) -> None:
    operations = [{"id": "0a1b", "name": "Name", "type": "query", "body": TEXT}]
    file = tmp_path / "persisted-query-manifest.json"
    file.write_bytes(
        orjson.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations})
    )
    async with world_with(world, trusted_documents="only", trusted_documents_path=file) as strict:
        assert (await strict.post({"documentId": "0a1b"})).json() == ADMIN
