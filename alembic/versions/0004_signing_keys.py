"""Keys that tokens are signed with (R21)."""

from app.db.migrations import execute_script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The application only reads: keys come and go by the owner's hand, so that nobody who gets to run statements as the
    # application can add a key of their own, or bring a revoked one back.
    execute_script("""
        CREATE TABLE signing_keys (
            kid text COLLATE "C" PRIMARY KEY CONSTRAINT signing_keys_kid_form CHECK (kid ~ '^[A-Za-z0-9_-]{43}$'),
            algorithm text NOT NULL CONSTRAINT signing_keys_algorithm_known CHECK (algorithm = 'Ed25519'),
            public_jwk jsonb NOT NULL CONSTRAINT signing_keys_public_jwk_is_public CHECK (
                jsonb_typeof(public_jwk) = 'object' AND public_jwk ->> 'kid' = kid AND NOT public_jwk ? 'd'
            ),
            private_key bytea NOT NULL,  -- under the key ring
            created_at timestamptz NOT NULL,
            signs_from timestamptz NOT NULL,
            signs_until timestamptz,
            verifies_until timestamptz,
            revoked_at timestamptz,
            CONSTRAINT signing_keys_times_in_order CHECK (
                created_at <= signs_from AND signs_until <= verifies_until
                AND (signs_until IS NULL) = (verifies_until IS NULL)
            )
        );
        CREATE UNIQUE INDEX signing_keys_one_without_end ON signing_keys ((true))
            WHERE signs_until IS NULL AND revoked_at IS NULL;
        GRANT SELECT ON signing_keys TO feature_api_app;
    """)


def downgrade() -> None:
    """Drops every key: tokens that they signed are refused from then on."""
    execute_script("DROP TABLE signing_keys")
