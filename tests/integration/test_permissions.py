"""Who may do what, as the matrix of the behaviour says it: every root field, every mutation, every edge, every role."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from graphql import GraphQLField, GraphQLObjectType

from app.engine.declare import DECLARED, ContextColumn, Edge
from app.kernel.clock import new_id, utc_now
from app.kernel.ids import global_id
from app.resolvers.root import core
from tests.fixtures.reading import copy, event_row, user_entry_row, user_row
from tests.fixtures.world import Who, World
from tests.fixtures.writes import document, nothing_written, subject_of, written

type Outcomes = dict[Who, object]

EVERYBODY: tuple[Who, ...] = ("guest", "viewer", "user", "other", "manager", "admin")
USERS = EVERYBODY[1:]
SECRETS = ("secret", "@example.com")  # in every name of a feature, and in every email


@dataclass(frozen=True)
class Refused:
    """Top level, with the field null."""

    code: str


@dataclass(frozen=True)
class Failed:
    """In `userErrors`."""

    code: str


GUEST = Refused("UNAUTHENTICATED")


def outcomes(viewer: object, user: object, other: object, manager: object, admin: object) -> Outcomes:
    """A guest is refused everywhere, but where a row says otherwise."""
    return {"guest": GUEST, "viewer": viewer, "user": user, "other": other, "manager": manager, "admin": admin}


def reach(any: object, own: object, none: object) -> Outcomes:
    """What those find who may read everything, the user, and another user, of whom nothing is there."""
    return outcomes(any, own, none, any, any)


def of_user(data: object, unseen: object = None) -> Outcomes:
    """What belongs to the user: everybody but another user sees it."""
    return reach(data, data, unseen)


def of_token(data: object, unseen: object = None) -> Outcomes:
    """What belongs to the user's token: only the user and the administrator see it."""
    return outcomes(unseen, data, None, unseen, data)


def person(name: str, *, email: bool = True) -> dict[str, object]:
    return {"name": name, "email": f"{name}@example.com" if email else None}


def only(name: str) -> dict[str, object]:
    return {"nodes": [person(name)]}


def nodes(*found: object) -> dict[str, object]:
    return {"totalCount": len(found), "nodes": list(found)}


PLAN, OWN, TOKEN = {"name": "secret plan"}, {"name": "secret of the manager"}, {"name": "secret token"}
UPDATE, CREATE = {"action": "UPDATE", "version": 2}, {"action": "CREATE", "version": 1}
ALL = ["READ", "UPDATE", "ARCHIVE", "DELETE", "RESTORE", "REVERT"]
NAMED = person("manager", email=False)
PEOPLE = {"nodes": [person(name) for name in ("admin", "manager", "user", "other", "viewer")]}
OF_TOKEN = "node(id: $token) { ... on ApiToken { found: %s } }"
OF_PLAN = "feature(id: $feature) { found: %s }"
OF_ENTRY = "node(id: $entry) { ... on AuditEntry { found: %s } }"
OF_ACTOR = "node(id: $entry) { ... on AuditEntry { actor { found: %s } } }"
OF_USER = "node(id: $user) { ... on User { found: %s } }"
OF_CHANGE = "node(id: $change) { ... on UserAuditEntry { found: %s } }"
OF_EVENT = "node(id: $event) { ... on SecurityEvent { found: %s } }"

DENIED = Refused("FORBIDDEN")


def of_admin(data: object, others: object = None) -> Outcomes:
    return outcomes(others, others, others, others, data)


# (schema coordinate, selection, what each finds). The user has a feature ($feature), which the manager changed
# ($entry), and a token ($token) that the admin made; the manager has a feature of its own. The admin changed the user
# ($change), and the manager was denied something ($event).
READS: list[tuple[str, str, Outcomes]] = [
    ("Query.node", "found: node(id: $feature) { ... on Feature { name } }", of_user(PLAN)),
    (
        "Query.node",
        "found: node(id: $user) { ... on User { name email } }",
        outcomes(None, person("user"), None, person("user"), person("user")),
    ),
    ("Query.node", "found: node(id: $entry) { ... on AuditEntry { action version } }", of_user(UPDATE)),
    (
        "Query.nodes",
        "found: nodes(ids: [$feature, $entry]) { __typename }",
        of_user([{"__typename": "Feature"}, {"__typename": "AuditEntry"}], [None, None]),
    ),
    ("Query.viewer", "found: viewer { name email }", {"guest": None, **{who: person(who) for who in USERS}}),
    ("Query.feature", "found: feature(id: $feature) { name }", of_user(PLAN)),
    ("Query.features", "found: features { totalCount nodes { name } }", reach(nodes(OWN, PLAN), nodes(PLAN), nodes())),
    (
        "Query.auditEntries",
        "found: auditEntries { totalCount nodes { action version } }",
        reach(nodes(UPDATE, CREATE, CREATE), nodes(UPDATE, CREATE), nodes()),
    ),
    (
        "Query.users",
        "found: users { nodes { name email } }",
        outcomes(only("viewer"), only("user"), only("other"), PEOPLE, PEOPLE),
    ),
    (
        "Query.rateLimit",
        "found: rateLimit { limit }",
        {"guest": {"limit": 600}, **{who: {"limit": 100_000} for who in USERS}},
    ),
    (
        "Feature.owner",
        OF_PLAN % "owner { name email }",
        outcomes(person("user", email=False), person("user"), None, person("user"), person("user")),
    ),
    (
        "Feature.auditEntries",
        OF_PLAN % "auditEntries { totalCount nodes { action version } }",
        of_user(nodes(UPDATE, CREATE)),
    ),
    ("Feature.viewerPermissions", OF_PLAN % "viewerPermissions", outcomes(["READ"], ALL, None, ALL, ALL)),
    ("AuditEntry.feature", OF_ENTRY % "feature { name }", of_user(PLAN)),
    (
        "AuditEntry.actor",
        OF_ENTRY % "actor { name email }",
        outcomes(NAMED, NAMED, None, person("manager"), person("manager")),
    ),
    ("User.features", OF_ACTOR % "features { totalCount nodes { name } }", reach(nodes(OWN), nodes(), None)),
    (
        "User.auditEntries",
        OF_ACTOR % "auditEntries { totalCount nodes { action version } }",
        reach(nodes(UPDATE, CREATE), nodes(UPDATE), None),
    ),
    (
        "Query.securityEvents",
        "found: securityEvents(filter: {kind: [PERMISSION_DENIED]}) { totalCount nodes { kind subject } }",
        of_admin(nodes({"kind": "PERMISSION_DENIED", "subject": "secret:read"}), DENIED),
    ),
    (
        "Query.node",
        "found: node(id: $event) { ... on SecurityEvent { kind } }",
        of_admin({"kind": "PERMISSION_DENIED"}),
    ),
    (
        "Query.node",
        "found: node(id: $change) { ... on UserAuditEntry { action: act } }",
        of_admin({"action": "UPDATE"}),
    ),
    ("SecurityEvent.actor", OF_EVENT % "actor { name email }", of_admin(person("manager"))),
    ("UserAuditEntry.user", OF_CHANGE % "user { name email }", of_admin(person("user"))),
    ("UserAuditEntry.actor", OF_CHANGE % "actor { name email }", of_admin(person("admin"))),
    (
        "User.userAuditEntries",
        OF_USER % "userAuditEntries { totalCount nodes { action: act newValues } }",
        of_admin(nodes({"action": "UPDATE", "newValues": {"name": "secret"}})),
    ),
    (
        "UserAuditEntryConnection.totalCount",
        "node(id: $user) { ... on User { userAuditEntries { found: totalCount } } }",
        of_admin(1),
    ),
    (
        "SecurityEventConnection.totalCount",
        "securityEvents(filter: {kind: [PERMISSION_DENIED]}) { found: totalCount }",
        of_admin(1, DENIED),
    ),
    ("Query.node", "found: node(id: $token) { ... on ApiToken { name } }", of_token(TOKEN)),
    (
        "User.apiTokens",
        "feature(id: $feature) { owner { found: apiTokens { totalCount nodes { name } } } }",
        of_token(nodes(TOKEN), nodes()),
    ),
    (
        "ApiToken.user",
        OF_TOKEN % "user { name email }",
        of_token(person("user")),
    ),
    (
        "ApiToken.createdBy",
        OF_TOKEN % "createdBy { name email }",
        outcomes(None, person("admin", email=False), None, None, person("admin")),
    ),
    (
        "ApiTokenConnection.totalCount",
        "feature(id: $feature) { owner { apiTokens { found: totalCount } } }",
        of_token(1, 0),
    ),
    ("FeatureConnection.totalCount", "features { found: totalCount }", reach(2, 1, 0)),
    ("AuditEntryConnection.totalCount", "auditEntries { found: totalCount }", reach(3, 2, 0)),
    ("UserConnection.totalCount", "users { found: totalCount }", outcomes(1, 1, 1, 5, 5)),
]

CHANGE = outcomes(DENIED, "done", Failed("NOT_FOUND"), "done", "done")  # of a feature of the user
FOR_OTHERS = outcomes(DENIED, DENIED, DENIED, DENIED, "done")
WRITES: list[tuple[str, Outcomes]] = [
    ("createFeature", outcomes(DENIED, "done", "done", "done", "done")),
    ("createFeature", FOR_OTHERS),
    ("updateFeature", CHANGE),
    ("activateFeature", CHANGE),
    ("deactivateFeature", CHANGE),
    ("archiveFeature", CHANGE),
    ("deleteFeature", CHANGE),
    ("restoreFeature", CHANGE),
    ("createUser", of_admin("done", DENIED)),
    ("updateUser", of_admin("done", DENIED)),
    ("changeUserRole", of_admin("done", DENIED)),
    ("disableUser", of_admin("done", DENIED)),
    ("enableUser", of_admin("done", DENIED)),
    ("createApiToken", outcomes(DENIED, "done", "done", "done", "done")),
    ("createApiToken", FOR_OTHERS),
    ("revokeApiToken", outcomes(DENIED, "done", Failed("NOT_FOUND"), Failed("NOT_FOUND"), "done")),
]
OF_MANY = {"bulkUpdateFeatures"}  # who may do that, and with which token: test_bulk_mutation


def test_every_root_field_mutation_and_edge_of_the_schema_has_a_row() -> None:
    assert core.query_type is not None and core.mutation_type is not None
    edges = {
        f"{kind.name}.{name}"
        for kind in core.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if isinstance(declared(field), Edge | ContextColumn)
    }
    assert {coordinate for coordinate, _, _ in READS} == {f"Query.{name}" for name in core.query_type.fields} | edges
    assert {mutation for mutation, _ in WRITES} | OF_MANY == set(core.mutation_type.fields)
    assert all(set(row) == set(EVERYBODY) for row in [row for *_, row in READS] + [row for _, row in WRITES])


def declared(field: GraphQLField) -> object:
    definition = field.extensions.get("strawberry-definition")
    return getattr(definition, "metadata", {}).get(DECLARED)


async def test_everybody_reads_what_the_matrix_grants_and_nothing_else(world: World) -> None:
    ids = await read_from(world)
    for coordinate, selection, row in READS:
        text, variables = asked(selection, ids)
        for who, expected in row.items():
            answer = await world.ask(text, who, **variables)
            assert outcome_of(answer) == expected, (coordinate, who)


async def read_from(world: World) -> dict[str, str]:
    """Fills the world for READS: the ids that they name."""
    feature = await world.create("secret plan")
    await world.create("secret of the manager", who="manager")
    await written(world, "updateFeature", "manager", id=feature["id"], expectedVersion=1, description="secret")
    newest = await world.data("{ auditEntries(first: 1) { nodes { id } } }")
    token = await written(world, "createApiToken", "admin", **token_input(world, "secret token", "user"))
    change = user_entry_row(world.users["user"], world.users["admin"]) | {"new_values": '{"name": "secret"}'}
    event = event_row(world.users["manager"], subject="secret:read")
    await copy(world, "user_audit_entries", [change])
    await copy(world, "security_events", [event])
    return {
        "feature": feature["id"],
        "user": world.id_of("user"),
        "entry": newest["auditEntries"]["nodes"][0]["id"],
        "token": token["id"],
        "change": global_id("UserAuditEntry", change["id"]),
        "event": global_id("SecurityEvent", event["id"]),
    }


def asked(selection: str, ids: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The query, and the variables that it names."""
    variables = {name: id for name, id in ids.items() if f"${name}" in selection}
    head = f"({', '.join(f'${name}: ID!' for name in variables)})" if variables else ""
    return f"query{head} {{ {selection} }}", variables


def token_input(world: World, name: str, user: Who | None = None) -> dict[str, Any]:
    """Of a token for oneself, or of a service token for that user."""
    ends = (utc_now() + timedelta(days=1)).isoformat()
    more = {} if user is None else {"kind": "SERVICE", "userId": world.id_of(user)}
    return {"name": name, "scopes": ["FEATURES_READ"], "expiresAt": ends, **more}


def outcome_of(answer: Any) -> object:
    """What is at `found`; None where what it hangs on is null."""
    if "errors" in answer:
        assert not any(secret in str(answer) for secret in SECRETS)
        assert answer["data"] is None or set(answer["data"].values()) == {None}
        (code,) = {error["extensions"]["code"] for error in answer["errors"]}
        return Refused(code)
    found = answer["data"]
    while found is not None and "found" not in found:
        (found,) = found.values()
    return None if found is None else found["found"]


async def test_everybody_writes_what_the_matrix_grants_and_a_refusal_writes_and_tells_nothing(world: World) -> None:
    for mutation, row in WRITES:
        for who, expected in row.items():
            input = await input_of(world, mutation, f"secret of {mutation} {who}", row is FOR_OTHERS)
            if expected == "done":
                assert (await written(world, mutation, who, **input))["name"].startswith("secret"), (mutation, who)
                continue
            async with nothing_written(world):
                answer = await world.ask(document(mutation), who, input=input)
            assert write_outcome_of(answer, mutation) == expected, (mutation, who)
            assert not any(secret in str(answer) for secret in SECRETS)


async def input_of(world: World, mutation: str, name: str, for_another: bool) -> dict[str, Any]:
    """Input of a mutation that changes something: of a new feature of the user, in the status that it takes."""
    if mutation.endswith(("User", "UserRole")):
        return await user_input_of(world, mutation, name)
    if mutation == "createFeature":
        return {"name": name, **({"ownerId": world.id_of("viewer")} if for_another else {})}
    if mutation == "createApiToken":
        return token_input(world, name, "viewer" if for_another else None)
    if mutation == "revokeApiToken":
        return {"id": (await written(world, "createApiToken", "admin", **token_input(world, name, "user")))["id"]}
    feature = await world.create(name)
    before = {"activateFeature": "deactivateFeature", "restoreFeature": "deleteFeature"}.get(mutation)
    if before:
        await written(world, before, id=feature["id"])
    return {
        "id": feature["id"],
        **({"expectedVersion": 1, "name": f"{name} now"} if mutation == "updateFeature" else {}),
    }


async def user_input_of(world: World, mutation: str, name: str) -> dict[str, Any]:
    """The same of a new user; its name has the secret."""
    if mutation == "createUser":
        return {"name": name, "email": f"{len(name)}.{new_id().hex}@example.com", "role": "ADMIN"}
    user = user_row(name)
    await copy(world, "users", [user])
    if mutation == "enableUser":
        await world.owner.execute("UPDATE users SET disabled_at = now() WHERE id = $1", user["id"])
    more = {"updateUser": {"name": f"{name} now"}, "changeUserRole": {"role": "ADMIN"}}
    return {"userId": global_id("User", user["id"]), **more.get(mutation, {})}


def write_outcome_of(answer: Any, mutation: str) -> object:
    if answer["data"] is None:
        (code,) = {error["extensions"]["code"] for error in answer["errors"]}
        return Refused(code)
    assert answer["data"][mutation][subject_of(mutation)] is None
    (error,) = answer["data"][mutation]["userErrors"]
    return Failed(error["code"])


async def test_bad_input_of_those_who_may_not_write_is_not_looked_at(world: World) -> None:
    id = (await world.create("secret plan"))["id"]
    update = {"id": id, "expectedVersion": 1, "name": ""}
    for mutation, input in (("createFeature", {"name": ""}), ("updateFeature", update)):
        assert write_outcome_of(await world.ask(document(mutation), "guest", input=input), mutation) == GUEST
        assert write_outcome_of(await world.ask(document(mutation), "viewer", input=input), mutation) == DENIED


async def test_the_trail_of_what_is_deleted_is_read_by_those_who_may_read_audit(world: World) -> None:
    feature = await world.create("secret plan")
    await written(world, "deleteFeature", id=feature["id"])
    text = """{ features(filter: {includeDeleted: true}) { totalCount nodes { auditEntries { totalCount } } }
      auditEntries { totalCount nodes { action feature { name } } } }"""
    entries = nodes({"action": "DELETE", "feature": None}, {"action": "CREATE", "feature": None})
    trail = {"features": nodes({"auditEntries": {"totalCount": 2}}), "auditEntries": entries}
    for who in USERS:
        expected = {"features": nodes(), "auditEntries": nodes()} if who == "other" else trail
        assert await world.data(text, who) == expected, who
