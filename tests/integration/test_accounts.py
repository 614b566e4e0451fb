"""Users as whoever runs the server makes and changes them: what is refused writes nothing, what is done is told."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from app.auth.guessing import guesses
from app.auth.passwords import BoundedPasswords, Effort
from app.db.account import SqlAccounts
from app.db.user_write import SqlUserWrites
from app.domain.session.accounts import AccountService
from app.kernel.clock import new_id
from app.kernel.errors import InvalidInput, NotFound
from app.kernel.ids import global_id
from tests.fixtures.sessions import PASSWORD, START, Clock, Events, hash_of, login, name_of
from tests.fixtures.world import World

NEW = "a new password of hers"
TRAIL = """SELECT action, user_id, actor_id, old_values->>'role', new_values->>'role'
FROM user_audit_entries ORDER BY created_at, id"""


def accounts_of(world: World, clock: Clock | None = None) -> tuple[AccountService, Events]:
    events, accounts = Events(), SqlAccounts(world.wiring.database)
    passwords = BoundedPasswords(Effort(8192, 1, 1, 0))
    writes = SqlUserWrites(world.wiring.database, new_id)
    return AccountService(writes, accounts, passwords, guesses, events.record, clock or Clock(), new_id), events


async def test_user_who_is_made_can_log_in(people: World) -> None:
    service, events = accounts_of(people)
    user = await service.create(" Ada@Example.com ", " Ada ", "manager", PASSWORD)
    assert (user.name, user.email, user.role, user.created_at) == ("Ada", "ada@example.com", "MANAGER", START)
    assert await name_of(people, (await login(people, "ada"))["access_token"]) == (200, "Ada")
    [event] = events.found
    assert (event.kind, event.subject, event.facts) == ("USER_CREATED", global_id("User", user.id), {"role": "MANAGER"})


async def test_new_password_ends_every_session_and_the_old_password(people: World) -> None:
    service, events = accounts_of(people)
    tokens, before = await login(people), await hash_of(people, "user")
    await service.set_password("USER@example.com", NEW)
    assert (await name_of(people, tokens["access_token"]))[0] == 401
    assert await hash_of(people, "user") != before
    await login(people, password=NEW)
    assert events.kinds == ["PASSWORD_CHANGED"]


async def test_disabled_user_is_out_until_enabled_and_disabled_since_the_first_time(people: World) -> None:
    clock = Clock()
    service, events = accounts_of(people, clock)
    tokens = await login(people)
    await service.disable("user@example.com")
    clock.pass_(hours=1)
    await service.disable("user@example.com")
    assert [user.disabled_at for user in await service.list() if user.name == "user"] == [START]
    assert (await name_of(people, tokens["access_token"]))[0] == 401
    await service.enable("user@example.com")
    assert [user.disabled_at for user in await service.list()] == [None] * 5
    await login(people)
    assert events.kinds == ["USER_DISABLED", "USER_ENABLED"]


async def test_role_that_is_given_counts(people: World) -> None:
    service, events = accounts_of(people)
    await service.set_role("user@example.com", "Admin")
    assert [(user.name, user.role) for user in await service.list()][2] == ("user", "ADMIN")
    assert [event.facts for event in events.found] == [{"from": "USER", "to": "ADMIN"}]


async def test_what_an_operator_does_is_in_the_users_trail_and_among_the_events_and_nobodys_act(people: World) -> None:
    service, events = accounts_of(people)
    id = (await service.create("ada@example.com", "Ada", "USER", PASSWORD)).id
    await service.set_role("ada@example.com", "ADMIN")
    await service.set_role("ada@example.com", "ADMIN")  # changes nothing
    await service.disable("ada@example.com")
    await service.enable("ada@example.com")
    await service.set_password("ada@example.com", NEW)

    entries = await people.owner.fetch(TRAIL)
    assert [tuple(row) for row in entries] == [
        ("CREATE", id, None, None, "USER"),
        ("CHANGE_ROLE", id, None, "USER", "ADMIN"),
        ("DISABLE", id, None, "ADMIN", "ADMIN"),
        ("ENABLE", id, None, "ADMIN", "ADMIN"),
    ]
    kept = await people.owner.fetch("SELECT kind, subject, actor_id FROM security_events ORDER BY created_at, id")
    assert [tuple(row) for row in kept] == [(event.kind, event.subject, None) for event in events.found]
    assert events.kinds == ["USER_CREATED", "ROLE_CHANGED", "USER_DISABLED", "USER_ENABLED", "PASSWORD_CHANGED"]
    query = "query($id: ID!) { node(id: $id) { ... on User { userAuditEntries { nodes { act actor { name } } } } } }"
    nodes = (await people.data(query, "admin", id=global_id("User", id)))["node"]["userAuditEntries"]["nodes"]
    assert [(node["act"], node["actor"]) for node in nodes] == [(row[0], None) for row in reversed(entries)]


async def test_password_that_cannot_be_kept_with_its_event_stays_as_it_was(people: World) -> None:
    service, _ = accounts_of(people)
    before = await hash_of(people, "user")
    await people.owner.execute("REVOKE INSERT ON security_events FROM feature_api_app, feature_api_guarded")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.set_password("user@example.com", NEW)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.create("ada@example.com", "Ada", "USER", PASSWORD)
    assert await hash_of(people, "user") == before
    assert len(await service.list()) == 5
    assert await people.owner.fetch(TRAIL) == []


type Act = Callable[[AccountService], Awaitable[object]]

REFUSED: dict[str, Act] = {
    "There is a user of email user@example.com already.": lambda s: s.create("User@example.com", "x", "USER", PASSWORD),
    "`email` must be an address": lambda s: s.create("ada", "Ada", "USER", PASSWORD),
    "`name` must have at least 1 character": lambda s: s.create("a@b", " ", "USER", PASSWORD),
    "`name` must not contain control characters": lambda s: s.create("a@b", "a\0b", "USER", PASSWORD),
    "There is no role 'KING'": lambda s: s.create("a@b", "Ada", "KING", PASSWORD),
    "There is no role ''": lambda s: s.set_role("user@example.com", ""),
    "The password must have at least 12": lambda s: s.create("a@b", "Ada", "USER", "short"),
    "The password must not be the email": lambda s: s.set_password("user@example.com", "user@example.com"),
    "The password is among the first that": lambda s: s.create("a@b", "Ada", "USER", "password1234"),
    "The password is among": lambda s: s.set_password("user@example.com", "qwertyuiop12"),
    "The password must have at most 256": lambda s: s.set_password("user@example.com", "long" * 65),
}
MISSING: list[Act] = [
    lambda s: s.set_password("no@example.com", PASSWORD),
    lambda s: s.set_role("no@example.com", "USER"),
    lambda s: s.disable("no@example.com"),
    lambda s: s.enable("no@example.com"),
]


async def test_what_is_refused_writes_nothing_and_tells_nobody(people: World) -> None:
    service, events = accounts_of(people)
    before = await people.owner.fetch("SELECT * FROM users ORDER BY id")
    for reason, act in REFUSED.items():
        with pytest.raises(InvalidInput) as raised:
            await act(service)
        assert raised.value.message.startswith(reason.strip()), reason
    for act in MISSING:
        with pytest.raises(NotFound, match=r"^There is no user of email no@example\.com\.$"):
            await act(service)
    assert await people.owner.fetch("SELECT * FROM users ORDER BY id") == before
    assert events.found == []
