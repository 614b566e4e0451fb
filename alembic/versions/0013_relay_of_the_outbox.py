"""The application takes from the outbox what it has published (R46)."""

from app.db.migrations import execute_script

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The order of transactions' ids is neither that of commits nor that of a feature's versions, so nothing reads it
    (docs/adr/0028). What is published is deleted, so most of the table is dead at any time, and is cleaned up by
    number, not by proportion."""
    execute_script("""
        GRANT DELETE ON outbox TO feature_api_app;
        ALTER TABLE outbox DROP COLUMN transaction_id,
            SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
    """)


def downgrade() -> None:
    execute_script("""
        REVOKE DELETE ON outbox FROM feature_api_app;
        ALTER TABLE outbox ADD COLUMN transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
            RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
    """)
