"""Row-level security: a role for requests that may reach one user's rows alone, and policies that hold it there."""

from app.db.migrations import execute_script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Roles belong to the server, so another database's migration may make them at this moment.
ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'feature_api_guarded') THEN
        CREATE ROLE feature_api_guarded NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
DO $$
BEGIN
    IF NOT pg_has_role('feature_api_app', 'feature_api_guarded', 'MEMBER') THEN
        GRANT feature_api_guarded TO feature_api_app;  -- never the other way: that would be a way over the wall
    END IF;
EXCEPTION WHEN unique_violation THEN
    NULL;
WHEN insufficient_privilege THEN
    RAISE NOTICE 'for DATABASE_ROW_SECURITY=on the application must log in as a member of feature_api_guarded';
END
$$;
"""

# What such requests need; no hash, no key, and nothing that makes or changes users.
PRIVILEGES = """
GRANT USAGE ON SCHEMA public TO feature_api_guarded;
GRANT SELECT (id, name, email, role, created_at, disabled_at, active_features, active_limit),
    UPDATE (active_features, active_limit) ON users TO feature_api_guarded;
GRANT SELECT, INSERT,
    UPDATE (name, description, status, status_before_delete, metadata, version, updated_at, deleted_at)
    ON features TO feature_api_guarded;
GRANT SELECT, INSERT ON audit_entries TO feature_api_guarded;
GRANT SELECT (id), INSERT ON outbox TO feature_api_guarded;
GRANT SELECT (id, user_id, kind, name, scopes, hint, created_at, created_by, expires_at, last_used_at, revoked_at),
    INSERT, UPDATE (revoked_at) ON api_tokens TO feature_api_guarded;
GRANT SELECT, UPDATE (revoked_at) ON sessions TO feature_api_guarded;
GRANT SELECT (id), INSERT ON security_events TO feature_api_guarded;
"""

OWNERS = {"features": "owner_id", "audit_entries": "owner_id", "api_tokens": "user_id", "sessions": "user_id"}

# Only `=` between the row's owner and something fixed: an index of owners serves it. For the other role there is
# nothing to ask: `true` falls away when a statement is planned, and its plans stay as they were.
POLICIES = """
CREATE POLICY {table}_all ON {table} TO feature_api_app USING (true);
CREATE POLICY {table}_own ON {table} TO feature_api_guarded
    USING ({owner} = nullif(current_setting('feature_api.visible_to', true), '')::uuid);
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    execute_script(ROLE + PRIVILEGES)
    for table, owner in OWNERS.items():
        execute_script(POLICIES.format(table=table, owner=owner))


def downgrade() -> None:
    """The role stays: other databases of the server may use it."""
    for table in OWNERS:
        execute_script(f"""
            ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
            DROP POLICY {table}_all ON {table};
            DROP POLICY {table}_own ON {table};
        """)
    execute_script("""
        REVOKE ALL ON users, features, audit_entries, outbox, api_tokens, sessions, security_events
            FROM feature_api_guarded;
        REVOKE USAGE ON SCHEMA public FROM feature_api_guarded;
    """)
