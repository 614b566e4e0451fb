"""Who a user is at a provider of single sign-on (R24): by issuer and subject, never by an email."""

from app.db.migrations import execute_script

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A link is for good: the application can neither move one to another user nor take one away.
    execute_script("""
        CREATE TABLE user_identities (
            issuer text COLLATE "C" NOT NULL
                CONSTRAINT user_identities_issuer_length CHECK (char_length(issuer) BETWEEN 1 AND 500),
            subject text COLLATE "C" NOT NULL
                CONSTRAINT user_identities_subject_length CHECK (char_length(subject) BETWEEN 1 AND 255),
            user_id uuid NOT NULL CONSTRAINT user_identities_user_exists REFERENCES users,
            created_at timestamptz NOT NULL,
            CONSTRAINT user_identities_one_user PRIMARY KEY (issuer, subject)
        );
        CREATE INDEX user_identities_of_user ON user_identities (user_id);
        GRANT SELECT, INSERT ON user_identities TO feature_api_app;
    """)


def downgrade() -> None:
    """Who comes by single sign-on is a stranger afterwards: the users stay, their links do not."""
    execute_script("DROP TABLE user_identities")
