"""The text of an API token: what scanners find, and what is refused without a look-up (R25)."""

import re
from binascii import crc32
from hashlib import sha256
from random import Random

import pytest

from app.kernel.secret import DIGITS, ENTROPY, FORM, LENGTH, hash_of, hint_of, is_secret, make_secret

TOKEN = make_secret("p", bytes(range(32)))


def test_the_text_is_what_it_was_from_the_first_day() -> None:
    assert TOKEN == "fapi_p_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf4c4spa"
    assert make_secret("s", b"\xff" * 32).startswith("fapi_s_yhjs")
    assert make_secret("p", bytes(32))[7:50] == "0" * 43


def test_it_is_the_prefix_the_number_and_the_checksum_in_base62() -> None:
    dice = Random(1)
    for kind in "ps":
        for _ in range(200):
            entropy = dice.randbytes(ENTROPY)
            token = make_secret(kind, entropy)
            assert len(token) == LENGTH == 56 and FORM.fullmatch(token) and is_secret(token)
            assert number_of(token[7:50]) == int.from_bytes(entropy)
            assert number_of(token[50:]) == crc32(token[:50].encode())
            assert re.search(r"\bfapi_[ps]_[0-9A-Za-z]{49}\b", f'{{"token": "{token}"}}')


def number_of(text: str) -> int:
    number = 0
    for digit in text:
        number = number * 62 + DIGITS.index(digit)
    return number


def test_every_text_that_differs_in_one_character_is_refused() -> None:
    for place in range(LENGTH):
        for other in (*DIGITS, "_", "é", " ", "\n", "\0"):
            if other != TOKEN[place]:
                assert not is_secret(TOKEN[:place] + other + TOKEN[place + 1 :]), (place, other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fapi_",
        *(TOKEN[:end] for end in range(LENGTH)),
        TOKEN + "x",
        TOKEN + "\n",
        " " + TOKEN,
        TOKEN.upper(),
        TOKEN.replace("_", "-"),
        TOKEN[:7] + TOKEN[8:] + TOKEN[7],
        "fapi_p_" + "٣" * 49,
    ],
)
def test_what_is_cut_longer_or_otherwise_written_is_refused(text: str) -> None:
    assert not is_secret(text)


def test_what_is_kept_is_the_sha_256_and_the_beginning() -> None:
    assert hash_of(TOKEN) == sha256(TOKEN.encode()).digest()
    assert hint_of(TOKEN) == TOKEN[:11] == "fapi_p_003a"


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_too_little_or_too_much_randomness_makes_no_token(size: int) -> None:
    with pytest.raises(ValueError, match="256 random bits"):
        make_secret("p", bytes(size))
