"""API tokens over GraphQL: made, shown once, used, listed, revoked; and what attackers would try (R25)."""

import asyncio
import json
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from app.kernel.ids import global_id
from app.kernel.secret import hash_of, make_secret
from tests.fixtures.endpoint import world_with
from tests.fixtures.tokens import (
    NOT_VALID,
    RUN_OUT,
    WHO,
    ask_with,
    draft,
    forget,
    in_days,
    planted_token,
    post_with,
    refusal_of,
)
from tests.fixtures.world import Who, World
from tests.fixtures.writes import document, nothing_written, refused, write, written

LISTED = "{ viewer { apiTokens { totalCount nodes { id name hint scopes lastUsedAt revokedAt } } } }"


async def made(world: World, who: Who = "user", **changed: object) -> tuple[str, str]:
    """(id, text)."""
    payload = await write(world, "createApiToken", who, **draft(**changed))
    assert payload["userErrors"] == []
    return payload["apiToken"]["id"], payload["secret"]


async def test_a_token_is_shown_once_and_then_known_by_its_beginning(world: World) -> None:
    scopes = ["USERS_READ", "FEATURES_READ", "TOKENS_OWN", "USERS_READ"]
    payload = await write(world, "createApiToken", **draft(scopes=scopes, clientMutationId="m"))
    secret, token = payload["secret"], payload["apiToken"]
    assert payload["clientMutationId"] == "m" and payload["userErrors"] == []
    assert (token["name"], token["kind"], token["hint"]) == ("CI", "PERSONAL", secret[:11])
    assert token["scopes"] == ["FEATURES_READ", "USERS_READ", "TOKENS_OWN"]
    assert token["user"] == token["createdBy"] == {"id": world.id_of("user")}
    assert token["lastUsedAt"] is None and token["revokedAt"] is None
    listed = (await ask_with(world, secret, LISTED))["data"]["viewer"]["apiTokens"]
    assert [listed["totalCount"], *listed["nodes"]] == [1, {name: token[name] for name in listed["nodes"][0]}]
    [row] = await world.owner.fetch("SELECT t::text, hash FROM api_tokens t")
    assert row["hash"] == sha256(secret.encode()).digest()
    assert secret not in row["t"] and secret[12:] not in row["t"]


async def test_an_answer_with_a_token_in_it_is_kept_by_no_cache(world: World) -> None:
    response = await world.post({"query": document("createApiToken"), "variables": {"input": draft()}}, "user")
    assert response.headers["cache-control"] == "no-store" and '"secret":"fapi_p_' in response.text


async def test_a_token_of_a_service_acts_as_its_user(world: World) -> None:
    _, secret = await made(
        world, "admin", kind="SERVICE", userId=world.id_of("manager"), scopes=["USERS_READ", "FEATURES_CREATE"]
    )
    assert secret.startswith("fapi_s_")
    assert await ask_with(world, secret, WHO) == {"data": {"viewer": {"name": "manager"}}}
    answer = await ask_with(world, secret, document("createFeature"), input={"name": "by a service"})
    assert answer["data"]["createFeature"]["feature"]["owner"] == {"id": world.id_of("manager")}


async def test_a_role_that_is_taken_away_narrows_the_token_too(world: World) -> None:
    secret = await planted_token(world, "user")
    create = document("createFeature")
    assert (await ask_with(world, secret, create, input={"name": "a"}))["data"]["createFeature"]["userErrors"] == []
    await world.owner.execute("UPDATE users SET role = 'VIEWER' WHERE id = $1", world.users["user"])
    forget(world)
    async with nothing_written(world):
        answer = await ask_with(world, secret, create, input={"name": "b"})
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


# What is refused as a token


async def test_what_is_no_token_of_ours_is_refused_without_a_statement(world: World) -> None:
    secret = await planted_token(world, "admin")
    flipped = "1" if secret[-1] == "0" else "0"
    world.statements.clear()
    for text in (
        "fapi_",
        "fapi_p_",
        secret[:-1] + flipped,  # the checksum
        secret[:20] + flipped + secret[21:] if secret[20] != flipped else secret[:20] + "2" + secret[21:],
        *(secret[:length] for length in (6, 20, 50, 55)),
        secret + "0",
        secret.replace("_p_", "_s_"),
        secret.swapcase(),
        f"{secret}{secret}",
        "fapi_p_' OR '1'='1",
        "fapi_p_" + "0" * 49,
        "fapi_" + "x" * 5000,
    ):
        assert await refusal_of(world, text) == NOT_VALID, text
    assert world.statements == []


async def test_a_well_formed_token_that_nobody_made_is_looked_up_once(world: World) -> None:
    unknown = make_secret("p", bytes(32))
    for statements in (["api_token.by_hash"], []):
        world.statements.clear()
        assert await refusal_of(world, unknown) == NOT_VALID
        assert world.statements == statements


async def test_the_scheme_is_bearer_and_nothing_else(world: World) -> None:
    secret = await planted_token(world, "admin")
    for scheme in ("Basic", "Token", "fapi", ""):
        response = await world.post({"query": WHO}, authorization=f"{scheme} {secret}")
        assert response.status_code == 401 and secret not in response.text
    for authorization in (f"bearer {secret}", f"BEARER  {secret} "):
        assert (await world.post({"query": WHO}, authorization=authorization)).status_code == 200


async def test_a_token_ends_at_its_moment(world: World) -> None:
    assert await refusal_of(world, await planted_token(world, "user", expires_at=in_days(-0.00001))) == RUN_OUT
    assert (
        await post_with(world, await planted_token(world, "user", expires_at=in_days(0.01)), WHO)
    ).status_code == 200


async def test_a_revoked_token_is_refused_once_what_is_remembered_is_old(world: World) -> None:
    id, secret = await made(world, scopes=["USERS_READ"])
    assert await ask_with(world, secret, WHO) == {"data": {"viewer": {"name": "user"}}}
    revoked = await written(world, "revokeApiToken", id=id)
    assert revoked["revokedAt"] is not None
    forget(world)
    assert await refusal_of(world, secret) == NOT_VALID
    assert (await written(world, "revokeApiToken", id=id))["revokedAt"] == revoked["revokedAt"]


async def test_a_token_of_a_disabled_user_is_refused_once_what_is_remembered_is_old(world: World) -> None:
    secret = await planted_token(world, "user")
    assert await ask_with(world, secret, WHO) == {"data": {"viewer": {"name": "user"}}}
    await written(world, "disableUser", "admin", userId=world.id_of("user"))
    forget(world)
    assert await refusal_of(world, secret) == NOT_VALID
    await written(world, "enableUser", "admin", userId=world.id_of("user"))
    forget(world)
    assert await ask_with(world, secret, WHO) == {"data": {"viewer": {"name": "user"}}}


async def test_a_token_whose_user_is_gone_is_refused(world: World) -> None:
    secret = await planted_token(world, "other")
    await world.owner.execute("ALTER TABLE api_tokens DROP CONSTRAINT api_tokens_user_exists")
    await world.owner.execute("ALTER TABLE api_tokens DROP CONSTRAINT api_tokens_creator_exists")
    await world.owner.execute("DELETE FROM users WHERE id = $1", world.users["other"])
    assert await refusal_of(world, secret) == NOT_VALID


# What is refused as an input


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"name": " "}, [("name", "MIN_LENGTH", 1)]),
        ({"name": "x" * 10_000}, [("name", "MAX_LENGTH", 255)]),
        ({"name": "a\x00b"}, [("name", "FORMAT", None)]),
        ({"scopes": []}, [("scopes", "MIN_LENGTH", 1)]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, [("expiresAt", "RANGE", None)]),
        ({"expiresAt": "0001-01-01T00:00:00Z"}, [("expiresAt", "RANGE", None)]),
        ({"expiresAt": "9999-12-31T23:59:59Z"}, [("expiresAt", "RANGE", 365)]),
        ({"name": "", "scopes": []}, [("name", "MIN_LENGTH", 1), ("scopes", "MIN_LENGTH", 1)]),
    ],
)
async def test_what_breaks_a_rule_is_told_at_its_field(
    world: World, changed: dict[str, Any], errors: list[tuple[str, str, int | None]]
) -> None:
    assert await refused(world, "createApiToken", **draft(**changed)) == [
        {
            "__typename": "ValidationError",
            "code": "VALIDATION_ERROR",
            "path": ["input", field],
            "issue": issue,
            "limit": limit,
        }
        for field, issue, limit in errors
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"scopes": ["FEATURES_EVERYTHING"]},
        {"scopes": ["features:read"]},
        {"scopes": [None]},
        {"scopes": None},
        {"expiresAt": None},
        {"expiresAt": "tomorrow"},
        {"expiresAt": "2027-01-01T00:00:00"},
        {"name": None},
        {"kind": "ROOT"},
        {"userId": "admin"},
        {"userId": global_id("Feature", UUID(int=1))},
        {"hash": "00"},
    ],
)
async def test_what_no_correct_client_sends_is_bad_input(world: World, changed: dict[str, Any]) -> None:
    async with nothing_written(world):
        answer = await world.ask(document("createApiToken"), "admin", input=draft(**changed))
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("name", ["中文 🚀", "é" * 255, "'; DROP TABLE api_tokens; --", "</script>", '"\\'])
async def test_names_of_every_script_come_back_as_they_were_sent(world: World, name: str) -> None:
    assert (await written(world, "createApiToken", **draft(name=name)))["name"] == name


async def test_an_unknown_user_gets_no_token(world: World) -> None:
    strange = global_id("User", UUID(int=7))
    [error] = await refused(world, "createApiToken", "admin", **draft(kind="SERVICE", userId=strange))
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "userId"])


async def test_a_token_makes_none_that_is_wider_than_itself(world: World) -> None:
    secret = await planted_token(world, "admin", "tokens:own", "features:read", expires_at=in_days(2))
    create = document("createApiToken")
    ok = await ask_with(world, secret, create, input=draft())
    assert ok["data"]["createApiToken"]["userErrors"] == []
    child = ok["data"]["createApiToken"]["secret"]
    async with nothing_written(world):
        for text, changed in (
            (secret, {"scopes": ["FEATURES_READ", "FEATURES_DELETE"]}),
            (secret, {"expiresAt": in_days(3).isoformat()}),
            (secret, {"kind": "SERVICE", "userId": world.id_of("manager"), "scopes": ["AUDIT_READ"]}),
            (child, {}),
        ):
            answer = await ask_with(world, text, create, input=draft(**changed))
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"], changed
            assert "fapi_" not in json.dumps(answer)


async def test_a_token_of_another_user_is_not_found_and_goes_on_working(world: World) -> None:
    id, secret = await made(world, scopes=["USERS_READ"])
    for who in ("other", "manager"):
        [error] = await refused(world, "revokeApiToken", who, id=id)
        assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "id"])
        assert await world.data("query($id: ID!) { node(id: $id) { id } }", who, id=id) == {"node": None}
    missing = global_id("ApiToken", UUID(int=7))
    assert [e["code"] for e in await refused(world, "revokeApiToken", "other", id=missing)] == ["NOT_FOUND"]
    for wrong in (world.id_of("user"), "nonsense", secret):
        answer = await world.ask(document("revokeApiToken"), "user", input={"id": wrong})
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    forget(world)
    assert (await post_with(world, secret, WHO)).status_code == 200


# Races, limits, outages


async def test_60_parallel_creates_leave_exactly_50(world: World) -> None:
    payloads = await asyncio.gather(*(write(world, "createApiToken", **draft(name=str(n))) for n in range(60)))
    refusals = [error for payload in payloads for error in payload["userErrors"]]
    assert len(refusals) == 10
    assert {(error["__typename"], error["code"], error["most"]) for error in refusals} == {
        ("TokenLimitExceededError", "TOKEN_LIMIT_EXCEEDED", 50)
    }
    assert all(payload["secret"] is None for payload in payloads if payload["userErrors"])
    assert await world.owner.fetchval("SELECT count(*) FROM api_tokens") == 50
    assert len({payload["secret"] for payload in payloads}) == 51


async def test_tokens_that_ended_make_room(world: World) -> None:
    async with world_with(world, api_token_limit=2) as small:
        ids = [(await made(small))[0] for _ in range(2)]
        assert [e["code"] for e in await refused(small, "createApiToken", **draft())] == ["TOKEN_LIMIT_EXCEEDED"]
        await written(small, "revokeApiToken", id=ids[0])
        await made(small)
        assert [e["code"] for e in await refused(small, "createApiToken", **draft())] == ["TOKEN_LIMIT_EXCEEDED"]
        await world.owner.execute("UPDATE api_tokens SET expires_at = created_at + interval '1 microsecond'")
        await made(small)
        await made(small, "other")  # each user has a limit of its own


async def test_a_token_that_is_revoked_while_it_is_used_does_its_last_acts_or_is_refused(world: World) -> None:
    id, secret = await made(world, scopes=["USERS_READ", "TOKENS_OWN"])
    forget(world)

    async def use() -> int:
        return (await post_with(world, secret, WHO)).status_code

    statuses, _ = await asyncio.gather(
        asyncio.gather(*(use() for _ in range(30))), write(world, "revokeApiToken", id=id)
    )
    assert set(statuses) <= {200, 401}
    forget(world)
    assert await use() == 401


async def test_30_parallel_revokes_are_one(world: World) -> None:
    id, _ = await made(world)
    payloads = await asyncio.gather(*(write(world, "revokeApiToken", id=id) for _ in range(30)))
    assert len({payload["apiToken"]["revokedAt"] for payload in payloads}) == 1
    assert [kind for kind, *_ in await events_of(world)] == ["TOKEN_CREATED", "TOKEN_REVOKED"]


async def test_what_becomes_of_a_token_is_an_event_in_its_own_transaction(world: World) -> None:
    id, secret = await made(world, "admin", kind="SERVICE", userId=world.id_of("user"))
    created = ("TOKEN_CREATED", world.users["admin"], id)
    facts = {"kind": "SERVICE", "user": world.id_of("user"), "scopes": "features:read"}
    [(*found, told)] = await events_of(world)
    assert (tuple(found), json.loads(told)) == (created, facts) and secret not in told
    await world.owner.execute("REVOKE INSERT ON security_events FROM feature_api_app, feature_api_guarded")
    for mutation, input in (("createApiToken", draft()), ("revokeApiToken", {"id": id})):
        async with nothing_written(world):
            answer = await world.ask(document(mutation), input=input)
        assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert len(await events_of(world)) == 1


async def events_of(world: World) -> list[tuple[Any, ...]]:
    """What is in the table, though nothing was flushed."""
    text = "SELECT kind, actor_id, subject, facts::text FROM security_events ORDER BY created_at, id"
    return [tuple(row) for row in await world.owner.fetch(text)]


async def test_without_its_database_the_server_says_so_and_does_not_refuse_the_token(world: World) -> None:
    secret = await planted_token(world, "admin")
    url = world.wiring.settings.database_url
    assert url is not None
    async with world_with(world, database_url=type(url)("postgresql://nobody@127.0.0.1:1/none")) as away:
        for _ in range(2):
            response = await post_with(away, secret, WHO)
            assert response.status_code == 503 and response.headers["retry-after"] == "1"
            assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert await refusal_of(away, secret[:-1]) == NOT_VALID  # for which no database is needed


async def test_use_is_written_later_once_for_many_and_never_goes_back(world: World) -> None:
    secret = await planted_token(world, "user", "users:read")
    world.statements.clear()
    for _ in range(5):
        await ask_with(world, secret, WHO)
    assert [name for name in world.statements if name.startswith("api_token")] == ["api_token.by_hash"]
    read = "SELECT last_used_at FROM api_tokens"
    assert await world.owner.fetchval(read) is None
    await world.wiring.api_token_actors.note_uses()
    used = await world.owner.fetchval(read)
    assert used is not None
    await world.wiring.stores.api_tokens.note_uses(
        dict.fromkeys([await world.owner.fetchval("SELECT id FROM api_tokens")], in_days(-1))
    )
    assert await world.owner.fetchval(read) == used
    await world.wiring.api_token_actors.note_uses()  # nothing was used since
    assert world.statements.count("api_token.note_uses") == 2


# What the database itself holds to


async def test_the_application_may_note_and_revoke_and_change_nothing_else(world: World) -> None:
    await planted_token(world, "user")
    for column in (
        "scopes = '{features:read}'",
        "expires_at = now()",
        "user_id = user_id",
        "hash = hash",
        "kind = kind",
    ):
        with pytest.raises(Exception, match="permission denied for table api_tokens"):
            await as_application(world, f"UPDATE api_tokens SET {column}")
    for statement in ("DELETE FROM api_tokens", "TRUNCATE api_tokens"):
        with pytest.raises(Exception, match="permission denied for table api_tokens"):
            await as_application(world, statement)
    await as_application(world, "UPDATE api_tokens SET last_used_at = now(), revoked_at = now()")


async def as_application(world: World, statement: str) -> None:
    held = await world.wiring.database.pool.take()
    try:
        await held.connection.execute(statement)
    finally:
        world.wiring.database.pool.give(held)


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("kind", "ROOT", "api_tokens_kind_known"),
        ("name", "", "api_tokens_name_length"),
        ("name", "x" * 256, "api_tokens_name_length"),
        ("scopes", [], "api_tokens_scopes_some"),
        ("hash", b"short", "api_tokens_hash_is_sha256"),
        ("hash", hash_of("twin"), "api_tokens_hash_unique"),
        ("hint", "x" * 56, "api_tokens_hint_short"),
        ("expires_at", in_days(-3), "api_tokens_end_after_start"),
    ],
)
async def test_what_no_code_should_write_is_refused_by_its_constraint(
    world: World, column: str, value: object, constraint: str
) -> None:
    await planted_token(world, "user", hash=hash_of("twin"))
    with pytest.raises(Exception, match=constraint):
        await planted_token(world, "user", **{column: value})


async def test_a_personal_token_for_somebody_else_is_refused_by_its_constraint(world: World) -> None:
    with pytest.raises(Exception, match="api_tokens_personal_is_own"):
        await planted_token(world, "user", created_by=world.users["admin"])
    await planted_token(world, "user", created_by=world.users["admin"], kind="SERVICE")
