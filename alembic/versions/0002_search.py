"""Full-text search over name, tags and description (R11)."""

from app.db.migrations import execute_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute_script("""
        ALTER TABLE features ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
            setweight(to_tsvector('english'::regconfig, name), 'A')
            || setweight(jsonb_to_tsvector('english'::regconfig, coalesce(metadata -> 'tags', '[]'), '["string"]'), 'B')
            || setweight(to_tsvector('english'::regconfig, coalesce(description, '')), 'C')
        ) STORED;
        CREATE INDEX features_by_search ON features USING gin (search);
    """)


def downgrade() -> None:
    execute_script("ALTER TABLE features DROP COLUMN search")
