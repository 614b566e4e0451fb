"""What is a key, and which requests are the same (R9)."""

from uuid import UUID

import pytest

from app.domain.idempotency.rules import keyed_request, read_key
from app.kernel.actor import Actor
from app.kernel.errors import BadUserInput
from app.kernel.ids import UserId

ONE, TWO = (UserId(UUID(int=number)) for number in (1, 2))


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (" \tabc ", "abc"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ('a"b', 'a"b'),
        ("!", "!"),
        ("~" * 255, "~" * 255),
        (f'"{"x" * 255}"', "x" * 255),
    ],
)
def test_key_is_the_same_in_quotes_and_bare(header: str, key: str) -> None:
    assert read_key(header) == key


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        '""',
        '"',
        '"a',
        '"a"b',
        '"a";p=1',
        '"a\\b"',
        "a b",
        '"a b"',
        "a\x7f",
        "a\n",
        "\xe9",
        "x" * 256,
        f'"{"x" * 256}"',
    ],
)
def test_all_else_is_refused_with_the_name_of_the_header(header: str) -> None:
    with pytest.raises(BadUserInput) as caught:
        read_key(header)
    assert caught.value.path == ("Idempotency-Key",)


def test_key_is_of_the_user_and_of_what_the_token_may() -> None:
    actors = [
        Actor(ONE, "USER"),
        Actor(TWO, "USER"),
        Actor(ONE, "USER", frozenset()),
        Actor(ONE, "USER", frozenset({"features:read"})),
    ]
    assert len({keyed_request(actor, "k", []).key_hash for actor in actors}) == len(actors)
    again = keyed_request(Actor(ONE, "ADMIN"), "k", [])
    assert again.key_hash == keyed_request(actors[0], "k", []).key_hash
    assert again.key_hash != keyed_request(actors[0], "l", []).key_hash


def test_parts_do_not_run_into_one_another() -> None:
    asked = [[b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"abc", b""], [b"1:a", b""]]
    assert len({keyed_request(Actor(ONE, "USER"), "k", parts).fingerprint for parts in asked}) == len(asked)
