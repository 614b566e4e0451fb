"""API tokens (R25): hashed, scoped, ending; the application may note their use and revoke them, nothing else."""

from app.db.migrations import execute_script

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute_script("""
        CREATE TABLE api_tokens (
            id uuid PRIMARY KEY,
            user_id uuid NOT NULL CONSTRAINT api_tokens_user_exists REFERENCES users,
            kind text COLLATE "C" NOT NULL CONSTRAINT api_tokens_kind_known CHECK (kind IN ('PERSONAL', 'SERVICE')),
            name text NOT NULL CONSTRAINT api_tokens_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
            scopes text[] NOT NULL CONSTRAINT api_tokens_scopes_some CHECK (cardinality(scopes) BETWEEN 1 AND 100),
            hash bytea NOT NULL CONSTRAINT api_tokens_hash_unique UNIQUE
                CONSTRAINT api_tokens_hash_is_sha256 CHECK (octet_length(hash) = 32),
            hint text NOT NULL CONSTRAINT api_tokens_hint_short CHECK (char_length(hint) BETWEEN 1 AND 16),
            created_at timestamptz NOT NULL,
            created_by uuid NOT NULL CONSTRAINT api_tokens_creator_exists REFERENCES users,
            expires_at timestamptz NOT NULL,
            last_used_at timestamptz,
            revoked_at timestamptz,
            CONSTRAINT api_tokens_end_after_start CHECK (expires_at > created_at),
            CONSTRAINT api_tokens_personal_is_own CHECK (kind <> 'PERSONAL' OR created_by = user_id)
        );
        CREATE INDEX api_tokens_of_user ON api_tokens (user_id, created_at, id);
        GRANT SELECT, INSERT, UPDATE (last_used_at, revoked_at) ON api_tokens TO feature_api_app;
    """)


def downgrade() -> None:
    """Every token is gone for good: their owners make new ones."""
    execute_script("DROP TABLE api_tokens")
