"""The tables, as statements use them; the law (constraints, indexes, triggers, privileges) is in alembic/versions."""

from sqlalchemy import ARRAY, BigInteger, Column, Date, Integer, LargeBinary, MetaData, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, TSVECTOR

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("role", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    # Counted in the statement that changes a status, bound by a CHECK (R6); the limit is the one in force at the time.
    Column("active_features", Integer, nullable=False),
    Column("active_limit", Integer, nullable=False),
    Column("password_hash", Text),  # written, but never read: the application may not (see account_of_email)
    Column("password_version", Integer, nullable=False),
    Column("disabled_at", TIMESTAMP(timezone=True)),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("last_used_at", TIMESTAMP(timezone=True), nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("user_agent", Text),
    Column("address", Text),
    Column("revoked_at", TIMESTAMP(timezone=True)),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("used_at", TIMESTAMP(timezone=True)),
    Column("nonce", LargeBinary),
)

user_audit_entries = Table(  # append-only
    "user_audit_entries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("actor_id", Uuid),
    Column("action", Text, nullable=False),
    Column("old_values", JSONB),
    Column("new_values", JSONB, nullable=False),
    Column("request_id", Text),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
)

security_events = Table(  # append-only, forgotten after a time
    "security_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("subject", Text),
    Column("address", Text),
    Column("request_id", Text),
    Column("facts", JSONB, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
)

user_identities = Table(
    "user_identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
)

features = Table(
    "features",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner_id", Uuid, nullable=False),
    Column("name", Text(collation="C"), nullable=False),
    Column("description", Text),
    Column("status", Text, nullable=False),
    Column("status_before_delete", Text),
    Column("metadata", JSONB, nullable=False),
    Column("category", Text),  # generated from metadata
    Column("tags", ARRAY(Text), nullable=False),  # generated from metadata
    Column("version", Integer, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("updated_at", TIMESTAMP(timezone=True), nullable=False),
    Column("deleted_at", TIMESTAMP(timezone=True)),
    Column("search", TSVECTOR, nullable=False),  # generated from name, tags and description
)

audit_entries = Table(  # partitioned by month of created_at; append-only
    "audit_entries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("feature_id", Uuid, nullable=False),
    Column("owner_id", Uuid, nullable=False),  # the feature's; it never changes, so reach needs no join
    Column("actor_id", Uuid),
    Column("action", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_fields", ARRAY(Text), nullable=False),
    Column("old_values", JSONB),
    Column("new_values", JSONB),
    Column("metadata", JSONB, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), primary_key=True),
)

outbox = Table(  # what the relay publishes, and deletes
    "outbox",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("feature_id", Uuid, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("hash", LargeBinary, nullable=False),  # SHA-256 of the token's text, which is not kept
    Column("hint", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("created_by", Uuid, nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("last_used_at", TIMESTAMP(timezone=True)),
    Column("revoked_at", TIMESTAMP(timezone=True)),
)

legacy_calls = Table(
    "legacy_calls",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("operation", Text(collation="C"), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("last_at", TIMESTAMP(timezone=True), nullable=False),
)

recorded_operations = Table(
    "recorded_operations",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the document, in which no values are
    Column("client_name", Text(collation="C"), primary_key=True),
    Column("client_version", Text(collation="C"), primary_key=True),
    Column("operation_name", Text),
    Column("document", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("first_at", TIMESTAMP(timezone=True), nullable=False),
    Column("last_at", TIMESTAMP(timezone=True), nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("algorithm", Text, nullable=False),
    Column("public_jwk", JSONB, nullable=False),
    Column("private_key", LargeBinary, nullable=False),  # under the key ring: listed in db/encrypted.py
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("signs_from", TIMESTAMP(timezone=True), nullable=False),
    Column("signs_until", TIMESTAMP(timezone=True)),
    Column("verifies_until", TIMESTAMP(timezone=True)),
    Column("revoked_at", TIMESTAMP(timezone=True)),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor_id", Uuid, primary_key=True),
    Column("key_hash", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
