"""The key ring of encrypted columns (R31): who can read what, and what never shows."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from app.auth.key_ring import KeyRing, UndecipherableError, development_ring, new_key, read_ring
from app.auth.keys import KeysError

COLUMN = "signing_keys.private_key"
PLAIN = b"what nobody else may read"
ONE, OTHER, THIRD = (new_key() for _ in range(3))


def sealed(ring: str = ONE) -> bytes:
    return read_ring(ring).encrypt(PLAIN, COLUMN, "a")


@pytest.mark.parametrize("plain", [b"", b"x", PLAIN, b"\0" * 100_000])
def test_what_was_encrypted_is_read_again(plain: bytes) -> None:
    value = read_ring(ONE).encrypt(plain, COLUMN, "a")
    assert read_ring(ONE).decrypt(value, COLUMN, "a") == plain
    assert len(value) == len(plain) + 33 and (len(plain) < 8 or plain not in value)


def test_same_text_is_another_value_each_time() -> None:
    ring = read_ring(ONE)
    assert len({ring.encrypt(PLAIN, COLUMN, "a") for _ in range(100)}) == 100


def test_first_key_encrypts_and_all_decrypt() -> None:
    before, both, after = read_ring(ONE), read_ring(f"{OTHER},{ONE}"), read_ring(f"{OTHER}")
    old = before.encrypt(PLAIN, COLUMN, "a")
    new = both.encrypt(PLAIN, COLUMN, "a")
    assert both.decrypt(old, COLUMN, "a") == both.decrypt(new, COLUMN, "a") == after.decrypt(new, COLUMN, "a") == PLAIN
    assert (before.is_current(old), both.is_current(old), both.is_current(new), after.is_current(new)) == (
        True,
        False,
        True,
        True,
    )
    for ring, value in ((before, new), (after, old)):
        with pytest.raises(UndecipherableError):
            ring.decrypt(value, COLUMN, "a")


@pytest.mark.parametrize(
    ("column", "id"),
    [(COLUMN, "b"), (COLUMN, ""), ("webhooks.secret", "a"), (f"{COLUMN}\0a", ""), ("", f"{COLUMN}\0a")],
)
def test_value_that_was_moved_to_another_row_or_column_does_not_open(column: str, id: str) -> None:
    with pytest.raises(UndecipherableError):
        read_ring(ONE).decrypt(sealed(), column, id)


def test_value_of_which_one_bit_or_the_end_was_changed_does_not_open() -> None:
    value, ring = sealed(f"{ONE},{OTHER}"), read_ring(f"{ONE},{OTHER}")
    damaged = [value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :] for place in range(len(value))]
    cut = [value[:length] for length in range(len(value))]
    for wrong in (*damaged, *cut, value + b"\0"):
        with pytest.raises(UndecipherableError):
            ring.decrypt(wrong, COLUMN, "a")


def test_keys_are_in_no_text_of_the_ring_and_of_its_errors() -> None:
    ring = read_ring(f"{ONE},{OTHER}")
    with pytest.raises(UndecipherableError) as caught:
        ring.decrypt(b"\1" * 50, COLUMN, "a")
    assert (repr(ring), str(ring)) == ("KeyRing(2 keys)",) * 2
    assert str(caught.value) == "A value cannot be decrypted with this key ring."
    assert caught.value.__cause__ is None
    with pytest.raises(TypeError):
        vars(ring)


@pytest.mark.parametrize("between", [",", " , ", "\n", "\r\n", ",\n"])
def test_keys_are_told_apart_by_commas_and_line_ends(between: str) -> None:
    ring = read_ring(f"{between}{ONE}{between}{OTHER}{between}")
    assert repr(ring) == "KeyRing(2 keys)" and ring.is_current(sealed(ONE))


def test_base64_of_addresses_is_taken_too() -> None:
    key = bytes([251, 255, 254, *range(29)])
    for text in (base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode()):
        assert read_ring(text).is_current(KeyRing([key]).encrypt(PLAIN, COLUMN, "a"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{ONE},{ONE}", "The key ring has a key twice"),
        (f"{ONE},{OTHER[:-4]}", "Key 2 of the ring has"),
        (f"{ONE[:-1]},{OTHER}", "Key 1 of the ring is no Base64"),
        (base64.b64encode(b"0123456789abcdef" * 2).decode(), "Key 1 of the ring is a text or a pattern"),
        (base64.b64encode(bytes(range(15)) * 2 + b"\0\0").decode(), "Key 1 of the ring is a text or a pattern"),
        (base64.b64encode(bytes(33)).decode(), "Key 1 of the ring has 264 bits, and must have 256"),
    ],
    ids=["twice", "short", "cut", "a text", "a pattern", "long"],  # the same for every worker
)
def test_weak_or_broken_key_is_named_by_its_place_alone(text: str, told: str) -> None:
    with pytest.raises(KeysError) as caught:
        read_ring(text)
    assert str(caught.value).startswith(told)
    assert not [word for word in text.split(",") if word in str(caught.value)]


def test_new_keys_are_good_and_never_the_same() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000 and all(len(base64.b64decode(key)) == 32 for key in keys)
    for key in keys:
        read_ring(key)


def test_processes_that_start_at_once_make_one_key_that_nobody_else_may_read(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from app.auth.key_ring import development_ring;"
        f"sys.stdin.read(); print(development_ring(Path(sys.argv[1])).encrypt({PLAIN!r}, 'c', 'a').hex())"
    )
    file = tmp_path / "data" / "encryption-keys"
    command = [sys.executable, "-c", code, str(file)]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    values = [process.communicate("")[0] for process in started]
    ring = development_ring(file)
    assert [ring.decrypt(bytes.fromhex(value), "c", "a") for value in values] == [PLAIN] * 4
    assert [found.name for found in file.parent.iterdir()] == ["encryption-keys"]
    assert file.stat().st_mode & 0o777 == 0o600
