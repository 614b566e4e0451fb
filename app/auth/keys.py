"""The keys that tokens are checked and signed with: a JSON Web Key Set of Ed25519 keys (RFC 7517, RFC 8037)."""

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, OKPKey


class KeysError(Exception):
    """One line that says what is wrong with a key set; nothing of the keys is in it."""


def read_keys(text: str) -> KeySet:
    """Raises KeysError where it is no set of at least one Ed25519 key, each with an id of its own."""
    try:
        keys = KeySet.import_key_set(json.loads(text))
    except (ValueError, TypeError, KeyError, JoseError):
        raise KeysError('The JWT keys are no JSON Web Key Set: give {"keys": [{"kty": "OKP", …}]}.') from None
    ids = [key.kid for key in keys.keys]
    if not ids or None in ids or len(set(ids)) != len(ids):
        raise KeysError("The JWT key set must have at least one key, each with a `kid` of its own.")
    if any(not isinstance(key, OKPKey) or key.curve_name != "Ed25519" for key in keys.keys):
        raise KeysError("Every JWT key must be an Ed25519 key (`kty` OKP, `crv` Ed25519).")
    return keys


def public_keys(keys: Iterable[Key]) -> list[dict[str, str]]:
    """As others may know them, each with what it is for: these members and no other."""
    names = ("kty", "crv", "x", "kid")
    return [{**{name: str(key[name]) for name in names}, "use": "sig", "alg": "Ed25519"} for key in keys]


def development_keys(file: Path) -> KeySet:
    """Those in the file, which is made with a new private key where it is missing."""
    return read_keys(keep_private(file, _new_set))


def keep_private(file: Path, make: Callable[[], str]) -> str:
    """The file's text, which is made where it is missing: once, however many try, and for nobody else's eyes."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(make())
        with suppress(FileExistsError):
            file.hardlink_to(draft)
        draft.unlink()
    return file.read_text()


def _new_set() -> str:
    key = OKPKey.generate_key("Ed25519", parameters={"use": "sig"}, private=True, auto_kid=True)
    return json.dumps(KeySet([key]).as_dict(private=True))
