"""Passwords and sessions (R20, R22): a session is a family of refresh tokens, of which one can be spent at a time."""

from app.db.migrations import execute_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# `password_version` counts passwords, so that who read a hash can say which one without being able to read it again.
USERS = """
ALTER TABLE users
    ADD COLUMN password_hash text
        CONSTRAINT users_password_hash_length CHECK (char_length(password_hash) BETWEEN 1 AND 255),
    ADD COLUMN password_version integer NOT NULL DEFAULT 0,
    ADD COLUMN disabled_at timestamptz;
CREATE UNIQUE INDEX users_email_unique_in_any_case ON users (lower(email));
"""

SESSIONS = """
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT sessions_user_exists REFERENCES users,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CONSTRAINT sessions_end_after_start CHECK (expires_at > created_at),
    revoked_at timestamptz,
    user_agent text CONSTRAINT sessions_user_agent_length CHECK (char_length(user_agent) <= 256),
    address text CONSTRAINT sessions_address_length CHECK (char_length(address) <= 64)
);
CREATE INDEX sessions_of_user ON sessions (user_id, last_used_at, id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (least(expires_at, revoked_at));

-- `nonce`: with it, whoever has the spent token can make the next one again; this row alone cannot.
CREATE TABLE refresh_tokens (
    hash bytea PRIMARY KEY CONSTRAINT refresh_tokens_hash_is_sha256 CHECK (octet_length(hash) = 32),
    session_id uuid NOT NULL CONSTRAINT refresh_tokens_session_exists REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    nonce bytea CONSTRAINT refresh_tokens_nonce_length CHECK (octet_length(nonce) = 32),
    CONSTRAINT refresh_tokens_use_is_whole CHECK ((used_at IS NULL) = (nonce IS NULL))
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
CREATE UNIQUE INDEX refresh_tokens_one_is_unspent ON refresh_tokens (session_id) WHERE used_at IS NULL;
CREATE INDEX refresh_tokens_by_use ON refresh_tokens (used_at) WHERE used_at IS NOT NULL;
"""

# Whoever disables a user or sets another password ends the user's sessions: in the same transaction, and after it has
# waited for a login that holds the user's row, so that none slips through.
ENDS = """
CREATE FUNCTION end_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET revoked_at = now() WHERE user_id = NEW.id AND revoked_at IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER users_end_sessions AFTER UPDATE OF disabled_at, password_version ON users FOR EACH ROW
    WHEN (NEW.disabled_at IS NOT NULL OR NEW.password_version <> OLD.password_version)
    EXECUTE FUNCTION end_sessions();
"""

# No statement of the application can select a hash, by mistake or injected: it is given for one email at a time.
PRIVILEGES = """
CREATE FUNCTION account_of_email(of_email text)
    RETURNS TABLE (user_id uuid, password_hash text, password_version integer, disabled boolean)
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = public, pg_temp
AS $$
    SELECT id, users.password_hash, users.password_version, disabled_at IS NOT NULL
    FROM users WHERE lower(email) = lower(of_email)
$$;
REVOKE EXECUTE ON FUNCTION account_of_email FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_of_email TO feature_api_app;

REVOKE SELECT ON users FROM feature_api_app;
GRANT SELECT (id, name, email, role, created_at, active_features, active_limit, password_version, disabled_at),
    INSERT (id, name, email, role, created_at, password_hash),
    UPDATE (role, password_hash, password_version, disabled_at) ON users TO feature_api_app;
GRANT SELECT, INSERT, DELETE, UPDATE (last_used_at, expires_at, revoked_at) ON sessions TO feature_api_app;
GRANT SELECT, INSERT, DELETE, UPDATE (used_at, nonce) ON refresh_tokens TO feature_api_app;
"""


def upgrade() -> None:
    for part in (USERS, SESSIONS, ENDS, PRIVILEGES):
        execute_script(part)


def downgrade() -> None:
    """Everybody is logged out, and every password is forgotten. Who was disabled may come in again."""
    execute_script("""
        DROP TABLE refresh_tokens, sessions;
        DROP TRIGGER users_end_sessions ON users;
        DROP FUNCTION end_sessions, account_of_email;
        REVOKE SELECT (id, name, email, role, created_at, active_features, active_limit),
            INSERT (id, name, email, role, created_at), UPDATE (role) ON users FROM feature_api_app;
        DROP INDEX users_email_unique_in_any_case;
        ALTER TABLE users DROP COLUMN password_hash, DROP COLUMN password_version, DROP COLUMN disabled_at;
        GRANT SELECT ON users TO feature_api_app;
    """)
