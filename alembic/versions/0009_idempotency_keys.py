"""Answers kept for Idempotency-Keys (R9), written in the transaction of what they answer."""

from app.db.migrations import execute_script

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute_script("""
        CREATE TABLE idempotency_keys (
            actor_id uuid NOT NULL CONSTRAINT idempotency_keys_actor_exists REFERENCES users,
            key_hash bytea NOT NULL CONSTRAINT idempotency_keys_key_is_sha256 CHECK (octet_length(key_hash) = 32),
            fingerprint bytea NOT NULL
                CONSTRAINT idempotency_keys_fingerprint_is_sha256 CHECK (octet_length(fingerprint) = 32),
            created_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            status smallint NOT NULL CONSTRAINT idempotency_keys_status_known CHECK (status BETWEEN 200 AND 299),
            headers jsonb NOT NULL CONSTRAINT idempotency_keys_headers_object CHECK (jsonb_typeof(headers) = 'object'),
            body bytea NOT NULL,
            PRIMARY KEY (actor_id, key_hash),
            CONSTRAINT idempotency_keys_end_after_start CHECK (expires_at > created_at)
        );
        CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);
        GRANT SELECT, INSERT, DELETE,
            UPDATE (fingerprint, created_at, expires_at, status, headers, body)
            ON idempotency_keys TO feature_api_app;
    """)


def downgrade() -> None:
    """What was answered is forgotten: a request that is sent again runs again."""
    execute_script("DROP TABLE idempotency_keys")
