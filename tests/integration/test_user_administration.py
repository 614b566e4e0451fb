"""Administrators change users (R23): what is written, what is refused, and that somebody is always left to do it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.auth.actors import Actors
from app.auth.tokens import Verifier
from app.kernel.clock import utc_now
from app.kernel.ids import UserId, global_id
from tests.fixtures.world import Who, World, insert
from tests.fixtures.writes import document, nothing_written, refused, write, written

TRAIL = """query($id: ID!) { node(id: $id) { ... on User { userAuditEntries { totalCount nodes {
  action: act oldValues newValues user { name } actor { name } requestId } } } } }"""


async def trail(world: World, id: str) -> list[dict[str, Any]]:
    """Oldest first, without the ids of requests, of which each entry has one."""
    page = (await world.data(TRAIL, id=id))["node"]["userAuditEntries"]
    assert page["totalCount"] == len(page["nodes"])
    assert all(node.pop("requestId") for node in page["nodes"])
    return list(reversed(page["nodes"]))


async def another_admin(world: World, name: str) -> UserId:
    id = UserId(world.wiring.stores.user_writes._new_id())
    await insert(world.owner, "users", {"id": id, "name": name, "role": "ADMIN", "created_at": utc_now()})
    world.users[name] = id
    return id


async def admins(world: World) -> set[UserId]:
    rows = await world.owner.fetch("SELECT id FROM users WHERE role = 'ADMIN' AND disabled_at IS NULL")
    return {UserId(row[0]) for row in rows}


async def test_every_change_of_a_user_is_written_with_its_entry(world: World) -> None:
    made = await written(world, "createUser", "admin", name=" Ada ", email=" Ada@example.com ", role="USER")
    id = made["id"]
    assert (made["name"], made["email"], made["role"], made["disabledAt"]) == ("Ada", "Ada@example.com", "USER", None)

    renamed = await written(world, "updateUser", "admin", userId=id, name="Ada Lovelace")
    assert (renamed["name"], renamed["email"]) == ("Ada Lovelace", "Ada@example.com")
    assert (await written(world, "updateUser", "admin", userId=id, email="ada@example.org"))[
        "email"
    ] == "ada@example.org"
    assert (await written(world, "changeUserRole", "admin", userId=id, role="MANAGER"))["role"] == "MANAGER"
    disabled_at = (await written(world, "disableUser", "admin", userId=id))["disabledAt"]
    assert abs(datetime.fromisoformat(disabled_at) - utc_now()) < timedelta(minutes=5)
    assert (await written(world, "enableUser", "admin", userId=id))["disabledAt"] is None

    now: dict[str, object] = {"name": "Ada", "email": "Ada@example.com", "role": "USER", "disabledAt": None}
    steps: list[tuple[str, dict[str, object]]] = [
        ("UPDATE", {"name": "Ada Lovelace"}),
        ("UPDATE", {"email": "ada@example.org"}),
        ("CHANGE_ROLE", {"role": "MANAGER"}),
        ("DISABLE", {"disabledAt": disabled_at.replace("Z", "+00:00")}),
        ("ENABLE", {"disabledAt": None}),
    ]
    named = {"user": {"name": "Ada Lovelace"}, "actor": {"name": "admin"}}
    expected: list[dict[str, object]] = [{"action": "CREATE", "oldValues": None, "newValues": now, **named}]
    for action, changed in steps:
        expected.append({"action": action, "oldValues": now, "newValues": (now := {**now, **changed}), **named})
    assert await trail(world, id) == expected


async def test_payload_echoes_the_clients_id(world: World) -> None:
    payload = await write(world, "disableUser", "admin", userId=world.id_of("user"), clientMutationId="mine")
    assert payload["clientMutationId"] == "mine"


async def test_what_changes_nothing_is_a_success_that_writes_nothing(world: World) -> None:
    id = world.id_of("user")
    async with nothing_written(world):
        await written(world, "enableUser", "admin", userId=id)
        await written(world, "changeUserRole", "admin", userId=id, role="USER")
        await written(world, "updateUser", "admin", userId=id)
        await written(world, "updateUser", "admin", userId=id, name=" user ", email="user@example.com")
        await written(world, "changeUserRole", "admin", userId=world.id_of("admin"), role="ADMIN")
    await written(world, "disableUser", "admin", userId=id)
    async with nothing_written(world):
        await written(world, "disableUser", "admin", userId=id)
    assert len(await trail(world, id)) == 1


GOOD = {"name": "Ada", "email": "ada@example.com", "role": "USER"}


@pytest.mark.parametrize(
    ("field", "value", "issue", "limit"),
    [
        ("name", "", "MIN_LENGTH", 1),
        ("name", "  ", "MIN_LENGTH", 1),
        ("name", "x" * 256, "MAX_LENGTH", 255),
        ("name", "a\nb", "FORMAT", None),
        ("name", "a\0b", "FORMAT", None),
        ("email", "", "MIN_LENGTH", 1),
        ("email", "x" * 243 + "@example.com", "MAX_LENGTH", 254),
        ("email", "nobody", "FORMAT", None),
        ("email", "@example.com", "FORMAT", None),
        ("email", "ada@", "FORMAT", None),
        ("email", "ada @example.com", "FORMAT", None),
        ("email", "a@b@c", "FORMAT", None),
        ("email", "a\0@example.com", "FORMAT", None),
    ],
)
async def test_bad_input_is_refused_at_its_field(
    world: World, field: str, value: str, issue: str, limit: int | None
) -> None:
    error = {
        "__typename": "ValidationError",
        "code": "VALIDATION_ERROR",
        "path": ["input", field],
        "issue": issue,
        "limit": limit,
    }
    assert await refused(world, "createUser", "admin", **{**GOOD, field: value}) == [error]
    assert await refused(world, "updateUser", "admin", userId=world.id_of("user"), **{field: value}) == [error]


async def test_every_bad_field_has_an_error_and_null_is_none(world: World) -> None:
    errors = await refused(world, "updateUser", "admin", userId=world.id_of("user"), name=None, email="x")
    assert [(error["path"], error["issue"]) for error in errors] == [
        (["input", "name"], "REQUIRED"),
        (["input", "email"], "FORMAT"),
    ]


async def test_longest_name_and_email_are_taken(world: World) -> None:
    email = "x" * 242 + "@example.com"
    made = await written(world, "createUser", "admin", name="\U0001f680" * 255, email=email, role="VIEWER")
    assert (len(made["name"]), len(made["email"])) == (255, 254)


async def test_email_of_another_user_is_refused_with_that_users_id(world: World) -> None:
    error = {
        "__typename": "DuplicateEmailError",
        "code": "DUPLICATE_EMAIL",
        "path": ["input", "email"],
        "existingId": world.id_of("other"),
    }
    for email in ("other@example.com", "Other@EXAMPLE.com"):
        assert await refused(world, "createUser", "admin", **GOOD | {"email": email}) == [error]
        assert await refused(world, "updateUser", "admin", userId=world.id_of("user"), email=email) == [error]


async def test_of_parallel_creates_with_one_email_one_wins(world: World) -> None:
    payloads = await asyncio.gather(*(write(world, "createUser", "admin", **GOOD) for _ in range(12)))
    [made] = [payload["user"]["id"] for payload in payloads if payload["user"]]
    errors = [error for payload in payloads for error in payload["userErrors"]]
    assert {(error["code"], error["existingId"]) for error in errors} == {("DUPLICATE_EMAIL", made)}
    assert len(await trail(world, made)) == 1


@pytest.mark.parametrize("mutation", ["updateUser", "changeUserRole", "disableUser", "enableUser"])
async def test_user_who_is_not_there_is_not_found(world: World, mutation: str) -> None:
    missing = global_id("User", UserId(world.wiring.stores.user_writes._new_id()))
    more = {"changeUserRole": {"role": "USER"}, "updateUser": {"name": "x"}}.get(mutation, {})
    [error] = await refused(world, mutation, "admin", userId=missing, **more)
    assert error == {"__typename": "NotFoundError", "code": "NOT_FOUND", "path": ["input", "userId"]}
    async with nothing_written(world):
        foreign = {"userId": global_id("Feature", world.users["user"]), **more}
        answer = await world.ask(document(mutation), input=foreign)
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argumentPath": ["input", "userId"]}


# Somebody is always left


async def test_last_administrator_is_neither_demoted_nor_disabled(world: World) -> None:
    await another_admin(world, "second")
    await written(world, "disableUser", "admin", userId=world.id_of("second"))  # who is disabled does not count

    for mutation, more, path in (("changeUserRole", {"role": "USER"}, "role"), ("disableUser", {}, "userId")):
        [error] = await refused(world, mutation, "admin", userId=world.id_of("admin"), **more)
        assert error == {"__typename": "LastAdminError", "code": "LAST_ADMIN", "path": ["input", path]}

    await written(world, "enableUser", "admin", userId=world.id_of("second"))
    assert (await written(world, "changeUserRole", "admin", userId=world.id_of("admin"), role="USER"))["role"] == "USER"


ENDS: list[tuple[str, dict[str, str]]] = [("changeUserRole", {"role": "USER"}), ("disableUser", {})]


@pytest.mark.parametrize(("mutation", "more"), ENDS)
async def test_of_two_administrators_who_end_each_other_at_once_one_is_left(
    world: World, mutation: str, more: dict[str, str]
) -> None:
    for number in range(12):
        first: Any = f"first {number}"
        second: Any = f"second {number}"
        pair = {await another_admin(world, first), await another_admin(world, second)}
        await world.owner.execute("UPDATE users SET role = 'USER' WHERE role = 'ADMIN' AND id <> ALL($1)", list(pair))
        for name in (first, second):  # known by now: who is slower meets the lock, not 401 at the door
            assert (await world.ask("{ viewer { id } }", name))["data"]["viewer"]
        asked = [
            world.ask(document(mutation), by, input={"userId": world.id_of(whom), **more})
            for by, whom in ((first, second), (second, first))
        ]
        answers = await asyncio.gather(*asked)
        done = [answer["data"][mutation]["user"] for answer in answers if answer["data"]]
        denied = [error["extensions"]["code"] for answer in answers for error in answer.get("errors", ())]
        assert (len(done), denied) == (1, ["FORBIDDEN"])
        assert len(await admins(world) & pair) == 1


@pytest.mark.parametrize(("mutation", "more"), ENDS)
async def test_of_many_administrators_who_step_down_at_once_one_is_left(
    world: World, mutation: str, more: dict[str, str]
) -> None:
    names: list[Any] = [f"admin {number}" for number in range(10)]
    for name in names:
        await another_admin(world, name)
    names.append("admin")

    payloads = await asyncio.gather(*(write(world, mutation, name, userId=world.id_of(name), **more) for name in names))

    codes = [error["code"] for payload in payloads for error in payload["userErrors"]]
    assert codes == ["LAST_ADMIN"]
    assert len(await admins(world)) == 1


# It takes effect


def later(world: World, seconds: float) -> None:
    """The clock of whoever asks who somebody is runs ahead by so much from now on."""
    actors = world.wiring.actors
    actors._now = lambda: utc_now() + timedelta(seconds=seconds)


async def test_role_that_was_changed_counts_everywhere_within_thirty_seconds(world: World) -> None:
    create, input = document("createFeature"), {"name": "x"}
    assert (await world.ask(create, "viewer", input=input))["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    await written(world, "changeUserRole", "admin", userId=world.id_of("viewer"), role="USER")

    assert world.wiring.settings.actor_ttl <= 30
    later(world, world.wiring.settings.actor_ttl)
    assert (await world.data(create, "viewer", input=input))["createFeature"]["userErrors"] == []

    await written(world, "changeUserRole", "admin", userId=world.id_of("viewer"), role="VIEWER")
    later(world, 2 * world.wiring.settings.actor_ttl)
    assert (await world.ask(create, "viewer", input=input))["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_other_processes_learn_of_it_as_well(world: World) -> None:
    actors = [
        Actors(Verifier(world.wiring.tokens), world.wiring.stores.users.fetch_actor, utc_now, ttl)
        for ttl in (3600, 1e-9)
    ]
    bearer = f"Bearer {world.token('viewer')}"
    assert [(await each.of(bearer)).role for each in actors] == ["VIEWER", "VIEWER"]
    await written(world, "changeUserRole", "admin", userId=world.id_of("viewer"), role="MANAGER")
    assert [(await each.of(bearer)).role for each in actors] == ["VIEWER", "MANAGER"]  # the first remembers for an hour


async def test_token_of_a_disabled_user_is_refused_and_taken_again_once_enabled(world: World) -> None:
    text, ttl = "{ viewer { name } }", world.wiring.settings.actor_ttl
    assert await world.data(text, "user") == {"viewer": {"name": "user"}}
    await written(world, "disableUser", "admin", userId=world.id_of("user"))
    later(world, ttl)
    response = await world.post({"query": text}, "user")
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert (await world.data("{ users { totalCount } }"))["users"]["totalCount"] == 5  # it is still listed

    await written(world, "enableUser", "admin", userId=world.id_of("user"))
    assert await world.data(text, "user") == {"viewer": {"name": "user"}}


async def test_who_was_demoted_a_moment_ago_administers_nobody_though_remembered_as_an_administrator(
    world: World,
) -> None:
    await another_admin(world, "second")
    leaving: Who = "admin"
    await world.data("{ viewer { name } }", leaving)
    await world.owner.execute("UPDATE users SET role = 'USER' WHERE id = $1", world.users[leaving])

    for mutation, input in (
        ("createUser", GOOD | {"role": "ADMIN"}),
        ("changeUserRole", {"userId": world.id_of("admin"), "role": "ADMIN"}),
        ("disableUser", {"userId": world.id_of("second")}),
    ):
        async with nothing_written(world):
            answer = await world.ask(document(mutation), leaving, input=input)
        assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


async def test_users_are_not_deleted_and_nothing_else_of_them_is_changed(world: World) -> None:
    held = await world.wiring.database.pool.take()
    for statement in ("DELETE FROM users", "UPDATE users SET created_at = now()", "UPDATE users SET id = id"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await held.connection.execute(statement)
    world.wiring.database.pool.give(held)
