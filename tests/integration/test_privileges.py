"""What each role may do in the database, all of it: a grant that has no row here fails, and so does a row too many."""

from collections import defaultdict
from collections.abc import Mapping

import asyncpg
import pytest

type Connection = "asyncpg.Connection[asyncpg.Record]"

# Direct grants on everything of the schema: (what, privilege, column or "").
GRANTS = """
SELECT relname, privilege_type, '' FROM pg_class, aclexplode(relacl) AS granted
    WHERE relnamespace = 'public'::regnamespace AND grantee = $1::regrole
UNION ALL
SELECT relname, privilege_type, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid,
    aclexplode(attacl) AS granted WHERE relnamespace = 'public'::regnamespace AND grantee = $1::regrole
UNION ALL
SELECT proname || '()', privilege_type, '' FROM pg_proc, aclexplode(proacl) AS granted
    WHERE pronamespace = 'public'::regnamespace AND grantee = $1::regrole
UNION ALL
SELECT 'schema ' || nspname, privilege_type, '' FROM pg_namespace, aclexplode(nspacl) AS granted
    WHERE grantee = $1::regrole
ORDER BY 1, 2, 3
"""
FEATURE = "deleted_at description metadata name status status_before_delete updated_at version"
PERSON = "active_features active_limit created_at disabled_at email id name role"
TOKEN = "created_at created_by expires_at hint id kind last_used_at name revoked_at scopes user_id"

APP: Mapping[str, Mapping[str, str]] = {
    "alembic_version": {"SELECT": ""},
    "account_of_email()": {"EXECUTE": ""},
    "api_tokens": {"INSERT": "", "SELECT": "", "UPDATE": "last_used_at revoked_at"},
    "audit_entries": {"INSERT": "", "SELECT": ""},
    "features": {"INSERT": "", "SELECT": "", "UPDATE": FEATURE},
    "forget_legacy_calls()": {"EXECUTE": ""},
    "forget_security_events()": {"EXECUTE": ""},
    "idempotency_keys": {
        "DELETE": "",
        "INSERT": "",
        "SELECT": "",
        "UPDATE": "body created_at expires_at fingerprint headers status",
    },
    "make_audit_partitions()": {"EXECUTE": ""},
    "legacy_calls": {"INSERT": "", "SELECT": "", "UPDATE": "calls last_at"},
    "outbox": {"DELETE": "", "INSERT": "", "SELECT": ""},
    "recorded_operations": {"DELETE": "", "INSERT": "", "SELECT": "", "UPDATE": "calls last_at"},
    "refresh_tokens": {"DELETE": "", "INSERT": "", "SELECT": "", "UPDATE": "nonce used_at"},
    "schema public": {"USAGE": ""},
    "sessions": {"DELETE": "", "INSERT": "", "SELECT": "", "UPDATE": "expires_at last_used_at revoked_at"},
    "security_events": {"INSERT": "", "SELECT": ""},
    "signing_keys": {"SELECT": ""},
    "user_audit_entries": {"INSERT": "", "SELECT": ""},
    "user_identities": {"INSERT": "", "SELECT": ""},
    "users": {
        "INSERT": "created_at email id name password_hash role",
        "SELECT": "active_features active_limit created_at disabled_at email id name password_version role",
        "UPDATE": "active_features active_limit disabled_at email name password_hash password_version role",
    },
}
GUARDED: Mapping[str, Mapping[str, str]] = {
    "api_tokens": {"INSERT": "", "SELECT": TOKEN, "UPDATE": "revoked_at"},
    "audit_entries": {"INSERT": "", "SELECT": ""},
    "features": {"INSERT": "", "SELECT": "", "UPDATE": FEATURE},
    "outbox": {"INSERT": "", "SELECT": "id"},
    "schema public": {"USAGE": ""},
    "security_events": {"INSERT": "", "SELECT": "id"},
    "sessions": {"SELECT": "", "UPDATE": "revoked_at"},
    "users": {"SELECT": PERSON, "UPDATE": "active_features active_limit"},
}


async def granted(owner: Connection, role: str) -> dict[str, dict[str, str]]:
    """By object and privilege the columns, or "" for all of it."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for what, privilege, column in await owner.fetch(GRANTS, role):
        found[what][privilege].append(column)
    return {what: {name: " ".join(of) for name, of in by.items()} for what, by in found.items()}


@pytest.mark.parametrize(("role", "expected"), [("feature_api_app", APP), ("feature_api_guarded", GUARDED)])
async def test_a_role_has_exactly_these_privileges_and_owns_nothing(
    owner: Connection, role: str, expected: Mapping[str, Mapping[str, str]]
) -> None:
    assert await granted(owner, role) == expected
    owned = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner = $1::regrole"
    assert await owner.fetchval(owned, role) == 0


@pytest.mark.parametrize("role", ["feature_api_app", "feature_api_guarded"])
async def test_no_role_can_do_what_roles_in_general_can(owner: Connection, role: str) -> None:
    attributes = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles"
    assert tuple(await owner.fetchrow(f"{attributes} WHERE rolname = $1", role) or ()) == (False,) * 5


async def test_the_guarded_role_is_a_member_of_none_so_no_policy_of_another_is_its_own(owner: Connection) -> None:
    of = "SELECT count(*) FROM pg_auth_members WHERE member = 'feature_api_guarded'::regrole"
    assert await owner.fetchval(of) == 0


async def test_whatever_everybody_may_call_is_no_way_to_rows(owner: Connection) -> None:
    """Functions that PUBLIC may run are triggers, or compute; what reads as the owner is granted by name."""
    public = """SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
        AND (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0))"""
    assert await owner.fetch(public) == []


@pytest.mark.parametrize("role", ["feature_api_app", "feature_api_guarded"])
async def test_partitions_are_reached_through_their_parent_alone(owner: Connection, role: str) -> None:
    await owner.fetchval("SELECT make_audit_partitions(5)")
    reached = await owner.fetch(
        """SELECT inhrelid::regclass::text,
            has_table_privilege($1, inhrelid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
            OR has_any_column_privilege($1, inhrelid, 'SELECT, INSERT, UPDATE')
        FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass""",
        role,
    )
    assert len(reached) == 7 and not any(row[1] for row in reached)
