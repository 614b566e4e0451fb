"""Which operations clients send, without values, so that a change of the schema knows whom it breaks (R80)."""

from app.db.migrations import execute_script

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row per document, client and version; nobody's name is in it."""
    execute_script("""
        CREATE TABLE recorded_operations (
            hash bytea NOT NULL CONSTRAINT recorded_operations_hash_is_sha256 CHECK (octet_length(hash) = 32),
            client_name text COLLATE "C" NOT NULL
                CONSTRAINT recorded_operations_client_name_length CHECK (char_length(client_name) <= 100),
            client_version text COLLATE "C" NOT NULL
                CONSTRAINT recorded_operations_client_version_length CHECK (char_length(client_version) <= 100),
            operation_name text,
            document text NOT NULL
                CONSTRAINT recorded_operations_document_length CHECK (char_length(document) BETWEEN 1 AND 20000),
            calls bigint NOT NULL CONSTRAINT recorded_operations_some CHECK (calls > 0),
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            CONSTRAINT recorded_operations_pkey PRIMARY KEY (hash, client_name, client_version),
            CONSTRAINT recorded_operations_last_not_before_first CHECK (last_at >= first_at)
        );
        CREATE INDEX recorded_operations_by_last ON recorded_operations (last_at);
        GRANT SELECT, INSERT, UPDATE (calls, last_at), DELETE ON recorded_operations TO feature_api_app;
    """)


def downgrade() -> None:
    """What was recorded is forgotten, and will be again as clients call."""
    execute_script("DROP TABLE recorded_operations")
