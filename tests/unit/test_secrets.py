"""What looks for secrets in the output of every test finds them, and nothing else."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from joserfc.jwk import KeySet, OKPKey

from app.auth.tokens import Tokens
from app.kernel.ids import UserId
from app.kernel.secret import make_secret
from tests.fixtures.secrets import secrets_in
from tests.fixtures.sessions import HASHER, PASSWORD

KEY = OKPKey.generate_key("Ed25519", private=True, auto_kid=True)
TOKEN = Tokens(KeySet([KEY]), "a", "b").mint(UserId(UUID(int=1)), datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"token={TOKEN}", ["an access token"]),
        (make_secret("p", bytes(32)), ["an API token"]),
        (json.dumps(KEY.as_dict(private=True)), ["a private key"]),
        (f"password={PASSWORD}", ["a password"]),
        (HASHER.hash("something else"), ["a password's hash"]),
        (json.dumps(KEY.as_dict(private=False)), []),
        (f"fapi_p_ {TOKEN[:20]}", []),
    ],
    ids=["access token", "API token", "private key", "password", "hash", "public key", "nothing"],
)
def test_secrets_are_found_in_what_was_said(text: str, found: list[str]) -> None:
    assert secrets_in(f"a line\n{text} and more\n") == found
