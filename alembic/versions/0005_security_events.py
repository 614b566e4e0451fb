"""Security events, the trail of users, and the privilege to administer them (R23)."""

from app.db.migrations import execute_script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

USERS = """
CREATE INDEX users_admins ON users (id) WHERE role = 'ADMIN' AND disabled_at IS NULL;

CREATE TABLE user_audit_entries (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT user_audit_entries_user_exists REFERENCES users,
    actor_id uuid CONSTRAINT user_audit_entries_actor_exists REFERENCES users,
    action text COLLATE "C" NOT NULL CONSTRAINT user_audit_entries_action_known CHECK (action IN (
        'CREATE', 'UPDATE', 'CHANGE_ROLE', 'DISABLE', 'ENABLE')),
    old_values jsonb,
    new_values jsonb NOT NULL,
    request_id text,
    created_at timestamptz NOT NULL
);
CREATE INDEX user_audit_entries_of_user ON user_audit_entries (user_id, created_at, id);
CREATE TRIGGER user_audit_entries_append_only BEFORE UPDATE OR DELETE ON user_audit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER user_audit_entries_not_truncated BEFORE TRUNCATE ON user_audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# No foreign key: an event is kept whatever becomes of whom it names. What is younger than thirty days nobody deletes,
# the owner of the table neither; what is older goes by the function alone, which the application may call.
EVENTS = """
CREATE TABLE security_events (
    id uuid PRIMARY KEY,
    kind text COLLATE "C" NOT NULL CONSTRAINT security_events_kind_is_a_word CHECK (kind ~ '^[A-Z_]{1,40}$'),
    actor_id uuid,
    subject text CONSTRAINT security_events_subject_length CHECK (char_length(subject) <= 500),
    address text CONSTRAINT security_events_address_length CHECK (char_length(address) <= 500),
    request_id text CONSTRAINT security_events_request_id_length CHECK (char_length(request_id) <= 500),
    facts jsonb NOT NULL CONSTRAINT security_events_facts_are_an_object CHECK (jsonb_typeof(facts) = 'object'),
    created_at timestamptz NOT NULL
);
CREATE INDEX security_events_by_created_at ON security_events (created_at, id);
CREATE INDEX security_events_by_kind ON security_events (kind, created_at, id);
CREATE INDEX security_events_of_actor ON security_events (actor_id, created_at, id);
CREATE TRIGGER security_events_not_changed BEFORE UPDATE ON security_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER security_events_kept_thirty_days BEFORE DELETE ON security_events
    FOR EACH ROW WHEN (OLD.created_at > now() - interval '30 days') EXECUTE FUNCTION refuse_change();
CREATE TRIGGER security_events_not_truncated BEFORE TRUNCATE ON security_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION forget_security_events(days integer, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    forgotten integer;
BEGIN
    IF days IS NULL OR days < 30 THEN
        RAISE EXCEPTION 'security events are kept for 30 days at least';
    END IF;
    IF most IS NULL OR most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'most must be between 1 and 100000';
    END IF;
    DELETE FROM security_events WHERE id IN (
        SELECT id FROM security_events WHERE created_at < now() - make_interval(days => days)
        ORDER BY created_at, id LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
REVOKE EXECUTE ON FUNCTION forget_security_events FROM PUBLIC;
"""

PRIVILEGES = """
GRANT UPDATE (name, email) ON users TO feature_api_app;
GRANT SELECT, INSERT ON user_audit_entries, security_events TO feature_api_app;
GRANT EXECUTE ON FUNCTION forget_security_events TO feature_api_app;
"""


def upgrade() -> None:
    for part in (USERS, EVENTS, PRIVILEGES):
        execute_script(part)


def downgrade() -> None:
    """Drops the events and the trail of users."""
    execute_script("""
        REVOKE UPDATE (name, email) ON users FROM feature_api_app;
        DROP TABLE security_events, user_audit_entries;
        DROP FUNCTION forget_security_events;
        DROP INDEX users_admins;
    """)
