"""Users, features, the audit log by month, the outbox, and what the application's role may do with them."""

from app.db.migrations import execute_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE users (
    id uuid PRIMARY KEY,
    name text NOT NULL CONSTRAINT users_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
    email text CONSTRAINT users_email_unique UNIQUE,
    role text NOT NULL CONSTRAINT users_role_known CHECK (role IN ('ADMIN', 'MANAGER', 'USER', 'VIEWER')),
    created_at timestamptz NOT NULL,
    active_features integer NOT NULL DEFAULT 0,
    active_limit integer NOT NULL DEFAULT 100,
    -- R6: the counter changes in the statement that changes a status; no race passes this line.
    CONSTRAINT users_active_features_within_limit CHECK (active_features BETWEEN 0 AND active_limit)
);
CREATE INDEX users_by_created_at ON users (created_at, id);

-- Tags as text[], so that they are filtered and read without their document; what is no string is left out.
CREATE FUNCTION feature_tags(metadata jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(tag.value #>> '{}' ORDER BY tag.position), '{}'::text[])
    FROM jsonb_array_elements(
        CASE jsonb_typeof(metadata -> 'tags') WHEN 'array' THEN metadata -> 'tags' ELSE '[]'::jsonb END
    ) WITH ORDINALITY AS tag (value, position)
    WHERE jsonb_typeof(tag.value) = 'string'
$$;

CREATE TABLE features (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL CONSTRAINT features_owner_exists REFERENCES users,
    name text COLLATE "C" NOT NULL CONSTRAINT features_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
    description text CONSTRAINT features_description_length CHECK (char_length(description) <= 2000),
    status text COLLATE "C" NOT NULL
        CONSTRAINT features_status_known CHECK (status IN ('ACTIVE', 'INACTIVE', 'ARCHIVED', 'DELETED')),
    status_before_delete text COLLATE "C" CONSTRAINT features_status_before_delete_known
        CHECK (status_before_delete IN ('ACTIVE', 'INACTIVE', 'ARCHIVED')),
    metadata jsonb NOT NULL CONSTRAINT features_metadata_is_object CHECK (jsonb_typeof(metadata) = 'object'),
    category text GENERATED ALWAYS AS (metadata ->> 'category') STORED,
    tags text[] NOT NULL GENERATED ALWAYS AS (feature_tags(metadata)) STORED,
    version integer NOT NULL CONSTRAINT features_version_positive CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL CONSTRAINT features_updated_after_created CHECK (updated_at >= created_at),
    deleted_at timestamptz,
    CONSTRAINT features_deleted_is_whole CHECK (
        (status = 'DELETED') = (deleted_at IS NOT NULL) AND (status = 'DELETED') = (status_before_delete IS NOT NULL)
    )
);
CREATE UNIQUE INDEX features_name_unique ON features (owner_id, name) WHERE status <> 'DELETED';
CREATE INDEX features_by_created_at ON features (created_at, id);
CREATE INDEX features_by_updated_at ON features (updated_at, id);
CREATE INDEX features_by_name ON features (name, id);
CREATE INDEX features_by_status ON features (status, id);
CREATE INDEX features_of_owner_by_created_at ON features (owner_id, created_at, id);
CREATE INDEX features_of_owner_by_updated_at ON features (owner_id, updated_at, id);
CREATE INDEX features_of_owner_by_name ON features (owner_id, name, id);
CREATE INDEX features_of_owner_by_status ON features (owner_id, status, id);
CREATE INDEX features_by_category ON features (category, created_at, id);
CREATE INDEX features_by_tags ON features USING gin (tags);

CREATE TABLE audit_entries (
    id uuid NOT NULL,
    feature_id uuid NOT NULL CONSTRAINT audit_entries_feature_exists REFERENCES features,
    owner_id uuid NOT NULL,
    actor_id uuid CONSTRAINT audit_entries_actor_exists REFERENCES users,
    action text COLLATE "C" NOT NULL CONSTRAINT audit_entries_action_known CHECK (action IN (
        'CREATE', 'UPDATE', 'ACTIVATE', 'DEACTIVATE', 'ARCHIVE', 'DELETE', 'RESTORE', 'REVERT')),
    version integer NOT NULL,
    changed_fields text[] NOT NULL,
    old_values jsonb,
    new_values jsonb,
    metadata jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX audit_entries_by_created_at ON audit_entries (created_at, id);
CREATE INDEX audit_entries_of_feature ON audit_entries (feature_id, created_at, id);
CREATE INDEX audit_entries_of_actor ON audit_entries (actor_id, created_at, id);
CREATE INDEX audit_entries_of_owner ON audit_entries (owner_id, created_at, id);
CREATE INDEX audit_entries_by_action ON audit_entries (action, created_at, id);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL CONSTRAINT outbox_event_unique UNIQUE,
    type text NOT NULL,
    feature_id uuid NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id()  -- ids are not in commit order; this bounds what is
);
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: it is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_entries_not_truncated BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# A partition per month from the month of installation on; what is older (imported history) lies in one, since a page
# of a feature's trail asks every partition that it cannot exclude. Attaching takes no lock that stops readers (CREATE …
# PARTITION OF would); writers of features wait for it, since foreign keys come along: a moment, or a second at most,
# after which it gives up. The application may call this, though it owns nothing.
PARTITIONS = """
CREATE FUNCTION make_audit_partitions(months_ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '1s'
AS $$
DECLARE
    made integer := 0;
    month timestamptz;
    partition text;
BEGIN
    IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_ahead must be between 0 and 120';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('make_audit_partitions'));
    FOR ahead IN 0..months_ahead LOOP
        month := date_trunc('month', now()) + make_interval(months => ahead);
        partition := 'audit_entries_' || to_char(month, 'YYYY_MM');
        IF to_regclass(partition) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE audit_entries INCLUDING ALL)', partition);
            EXECUTE format('CREATE TRIGGER audit_entries_not_truncated BEFORE TRUNCATE ON %I '
                'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', partition);
            EXECUTE format('ALTER TABLE audit_entries ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                partition, month, month + interval '1 month');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
REVOKE EXECUTE ON FUNCTION make_audit_partitions FROM PUBLIC;

SET LOCAL timezone = 'UTC';
DO $$
BEGIN
    EXECUTE format('CREATE TABLE audit_entries_history PARTITION OF audit_entries FOR VALUES FROM (MINVALUE) TO (%L)',
        date_trunc('month', now()));
END
$$;
CREATE TRIGGER audit_entries_not_truncated BEFORE TRUNCATE ON audit_entries_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
SELECT make_audit_partitions(3);
"""

# The application owns nothing: it may not delete, truncate or alter, nor change who owns a feature.
PRIVILEGES = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'feature_api_app') THEN
        CREATE ROLE feature_api_app NOLOGIN;
    END IF;
    BEGIN
        GRANT feature_api_app TO CURRENT_USER;  -- so that one login can be both
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE NOTICE 'the application must log in as a member of feature_api_app';
    END;
END
$$;
GRANT USAGE ON SCHEMA public TO feature_api_app;
GRANT SELECT ON users, features, audit_entries, outbox, alembic_version TO feature_api_app;
GRANT UPDATE (active_features, active_limit) ON users TO feature_api_app;
GRANT INSERT, UPDATE (name, description, status, status_before_delete, metadata, version, updated_at, deleted_at)
    ON features TO feature_api_app;
GRANT INSERT ON audit_entries, outbox TO feature_api_app;
GRANT EXECUTE ON FUNCTION make_audit_partitions TO feature_api_app;
"""


def upgrade() -> None:
    for part in (TABLES, APPEND_ONLY, PARTITIONS, PRIVILEGES):
        execute_script(part)


def downgrade() -> None:
    """Drops every feature and its trail. The role stays: other databases of the server may use it."""
    execute_script("""
        REVOKE SELECT ON alembic_version FROM feature_api_app;
        REVOKE USAGE ON SCHEMA public FROM feature_api_app;
        DROP TABLE outbox, audit_entries, features, users;
        DROP FUNCTION make_audit_partitions, refuse_change, feature_tags;
    """)
