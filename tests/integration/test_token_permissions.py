"""What a token may do: its user's role, narrowed by its scopes, at every field, mutation and edge (R25)."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.domain.api_token.rules import SCOPES
from app.kernel.secret import hash_of
from tests.fixtures.tokens import NOT_VALID, RUN_OUT, ask_with, in_days, planted_token, post_with
from tests.fixtures.world import World
from tests.fixtures.writes import document, nothing_written, subject_of
from tests.integration.test_permissions import (
    FOR_OTHERS,
    READS,
    USERS,
    WRITES,
    Failed,
    Refused,
    asked,
    input_of,
    outcome_of,
    read_from,
    write_outcome_of,
)

# By coordinate and number among the rows of it: the scopes without which an administrator finds nothing there.
READING = {
    "Query.node": (
        ["features:read"],
        ["users:read"],
        ["audit:read"],
        ["security_events:read"],
        ["users:write"],
        ["tokens:own"],
    ),
    "Query.nodes": (["features:read", "audit:read"],),
    "Query.viewer": (["users:read"],),
    "Query.feature": (["features:read"],),
    "Query.features": (["features:read"],),
    "Query.auditEntries": (["audit:read"],),
    "Query.users": (["users:read"],),
    "Query.rateLimit": ([],),
    "Query.securityEvents": (["security_events:read"],),
    "Feature.owner": (["features:read", "users:read"],),  # without the second there is no email
    "Feature.auditEntries": (["features:read", "audit:read"],),
    "Feature.viewerPermissions": (
        ["features:read", *(f"features:{act}" for act in ("update", "archive", "delete", "restore", "revert"))],
    ),
    "AuditEntry.feature": (["audit:read", "features:read"],),
    "AuditEntry.actor": (["audit:read", "users:read"],),
    "User.features": (["audit:read", "features:read"],),
    "User.auditEntries": (["audit:read"],),
    "User.apiTokens": (["features:read", "tokens:own"],),
    "User.userAuditEntries": (["users:read", "users:write"],),
    "UserAuditEntry.user": (["users:write", "users:read"],),
    "UserAuditEntry.actor": (["users:write", "users:read"],),
    "SecurityEvent.actor": (["security_events:read", "users:read"],),
    "ApiToken.user": (["tokens:own", "users:read"],),
    "ApiToken.createdBy": (["tokens:own", "users:read"],),
    "FeatureConnection.totalCount": (["features:read"],),
    "AuditEntryConnection.totalCount": (["audit:read"],),
    "UserConnection.totalCount": (["users:read"],),
    "UserAuditEntryConnection.totalCount": (["users:read", "users:write"],),
    "SecurityEventConnection.totalCount": (["security_events:read"],),
    "ApiTokenConnection.totalCount": (["features:read", "tokens:own"],),
}
SEEN = "features:read"  # what is not seen is not found, so it cannot be changed
WRITING = {
    "createFeature": ["features:create"],
    "updateFeature": [SEEN, "features:update"],
    "activateFeature": [SEEN, "features:update"],
    "deactivateFeature": [SEEN, "features:update"],
    "archiveFeature": [SEEN, "features:archive"],
    "deleteFeature": [SEEN, "features:delete"],
    "restoreFeature": [SEEN, "features:restore"],
    "createUser": ["users:write"],
    "updateUser": ["users:write"],
    "changeUserRole": ["users:write"],
    "disableUser": ["users:write"],
    "enableUser": ["users:write"],
    "createApiToken": ["tokens:own", "features:read"],  # the one that it gives
    "revokeApiToken": ["tokens:own"],
}


def test_every_row_of_the_matrix_says_which_scopes_it_needs() -> None:
    assert {coordinate: len(rows) for coordinate, rows in READING.items()} == {
        coordinate: sum(found == coordinate for found, *_ in READS) for coordinate, *_ in READS
    }
    assert set(WRITING) == {mutation for mutation, _ in WRITES}
    everything = {scope for rows in READING.values() for row in rows for scope in row}
    assert everything | {scope for row in WRITING.values() for scope in row} == set(SCOPES)


def rest(*without: str) -> Sequence[str]:
    return [scope for scope in SCOPES if scope not in without]


async def test_a_token_of_all_scopes_reads_what_its_user_reads(world: World) -> None:
    ids = await read_from(world)
    for who in USERS:
        secret = await planted_token(world, who)
        for coordinate, selection, row in READS:
            if who == "user" and "apiTokens" in selection:
                continue  # this one is among them
            query, variables = asked(selection, ids)
            assert outcome_of(await ask_with(world, secret, query, **variables)) == row[who], (coordinate, who)
        await world.owner.execute("DELETE FROM api_tokens WHERE hash = $1", hash_of(secret))


async def test_a_read_needs_its_scopes_each_of_them_and_no_other(world: World) -> None:
    ids = await read_from(world)
    needs = {coordinate: iter(rows) for coordinate, rows in READING.items()}
    for coordinate, selection, row in READS:
        needed = next(needs[coordinate])
        query, variables = asked(selection, ids)
        enough = await planted_token(world, "admin", *(needed or SCOPES[-1:]))  # one at least
        assert outcome_of(await ask_with(world, enough, query, **variables)) == row["admin"], (coordinate, needed)
        for missing in needed:
            narrow = await planted_token(world, "admin", *rest(missing))
            answer = await ask_with(world, narrow, query, **variables)
            assert outcome_of(answer) != row["admin"], (coordinate, missing)
            assert ("errors" in answer) == (row["viewer"] == Refused("FORBIDDEN")), coordinate


async def test_a_write_needs_its_scopes_each_of_them_and_no_other(world: World) -> None:
    for mutation, row in WRITES:
        needed = WRITING[mutation]
        for without in (None, *needed):
            name = f"secret of {mutation} {row is FOR_OTHERS} {without}"
            input = await input_of(world, mutation, name, row is FOR_OTHERS)
            if without is None:
                secret = await planted_token(world, "admin", *needed)
                answer = (await ask_with(world, secret, document(mutation), input=input))["data"][mutation]
                assert answer["userErrors"] == [] and answer[subject_of(mutation)]["name"].startswith("secret")
                continue
            secret = await planted_token(world, "admin", *rest(without))
            async with nothing_written(world):
                answer = await ask_with(world, secret, document(mutation), input=input)
            outcome = write_outcome_of(answer, mutation)
            if without == SEEN and mutation != "createApiToken":
                assert outcome == Failed("NOT_FOUND"), (mutation, without)
                continue
            assert outcome == Refused("FORBIDDEN"), (mutation, without)
            gives = mutation == "createApiToken" and without == SEEN
            told = f"This token cannot give scopes that it does not have: {without}."
            assert answer["errors"][0]["message"] == (told if gives else f"The token lacks the scope {without}.")


@pytest.mark.parametrize("end", ["expires_at", "revoked_at"])
async def test_a_token_that_has_ended_is_refused_at_every_field(world: World, end: str) -> None:
    ids = await read_from(world)
    secret = await planted_token(world, "admin", **{end: in_days(-1)})
    queries: list[tuple[str, Any]] = [asked(selection, ids) for _, selection, _ in READS]
    inputs = {mutation: await input_of(world, mutation, mutation, False) for mutation in WRITING}
    queries += [(document(mutation), {"input": input}) for mutation, input in inputs.items()]
    async with nothing_written(world):
        for query, variables in queries:
            response = await post_with(world, secret, query, **variables)
            assert response.status_code == 401 and "data" not in response.json()
            assert response.json()["errors"][0]["message"] == (RUN_OUT if end == "expires_at" else NOT_VALID)
