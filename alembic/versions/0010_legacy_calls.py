"""Who still calls REST v1: a count per user, day and operation (R82)."""

from app.db.migrations import execute_script

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No foreign key: counts come in batches, and one user who is gone must not cost those of all others."""
    execute_script("""
        CREATE TABLE legacy_calls (
            user_id uuid NOT NULL,
            day date NOT NULL,
            operation text COLLATE "C" NOT NULL
                CONSTRAINT legacy_calls_operation_length CHECK (char_length(operation) BETWEEN 1 AND 100),
            calls bigint NOT NULL CONSTRAINT legacy_calls_some CHECK (calls > 0),
            last_at timestamptz NOT NULL,
            CONSTRAINT legacy_calls_pkey PRIMARY KEY (user_id, day, operation)
        );
        GRANT SELECT, INSERT, UPDATE (calls, last_at) ON legacy_calls TO feature_api_app;
    """)


def downgrade() -> None:
    execute_script("DROP TABLE legacy_calls")
