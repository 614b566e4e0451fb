"""Counts of calls of REST v1 are forgotten in time, by a function of the owner's alone (R82)."""

from app.db.migrations import execute_script

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The application gets no DELETE: what is younger than thirty days it cannot take away. While the index is made,
    counts wait in the servers' memory; no request writes here."""
    execute_script("""
        CREATE INDEX legacy_calls_by_day ON legacy_calls (day);

        CREATE FUNCTION forget_legacy_calls(days integer, most integer) RETURNS integer
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
        AS $$
        DECLARE
            forgotten integer;
        BEGIN
            IF days IS NULL OR days < 30 THEN
                RAISE EXCEPTION 'counts of calls are kept for 30 days at least';
            END IF;
            IF most IS NULL OR most NOT BETWEEN 1 AND 100000 THEN
                RAISE EXCEPTION 'most must be between 1 and 100000';
            END IF;
            DELETE FROM legacy_calls WHERE (user_id, day, operation) IN (
                SELECT user_id, day, operation FROM legacy_calls
                WHERE day < (now() AT TIME ZONE 'UTC')::date - days
                ORDER BY day, user_id, operation LIMIT most FOR UPDATE SKIP LOCKED);
            GET DIAGNOSTICS forgotten = ROW_COUNT;
            RETURN forgotten;
        END
        $$;
        REVOKE EXECUTE ON FUNCTION forget_legacy_calls FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION forget_legacy_calls TO feature_api_app;
    """)


def downgrade() -> None:
    execute_script("""
        DROP FUNCTION forget_legacy_calls;
        DROP INDEX legacy_calls_by_day;
    """)
