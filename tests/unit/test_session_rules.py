"""What a password must be, and how refresh tokens follow from each other (R20, R22)."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.domain.session.model import Account, Issued, Session, Spent
from app.domain.session.rules import (
    clean_email,
    clean_new_password,
    fate_of,
    hash_of,
    new_refresh_token,
    reaches_sessions_of,
    shown,
    successor_of,
)
from app.kernel.actor import GUEST, Actor, Role
from app.kernel.errors import InvalidInput, Issue
from app.kernel.ids import SessionId, UserId

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
EMAIL, NAME = "ada.lovelace@example.com", "Ada Lovelace King"


@pytest.mark.parametrize("password", ["abcd" * 3, "a b c d e f ", "ß" * 6 + "ümläut", "x1y2" * 64, "🐎🔋📎🦊" * 3])
def test_any_text_of_twelve_to_256_characters_is_a_password(password: str) -> None:
    assert clean_new_password(password, EMAIL, NAME)


@pytest.mark.parametrize(
    ("password", "issue"),
    [
        ("", "MIN_LENGTH"),
        ("abcdefghijk", "MIN_LENGTH"),
        ("x1y2" * 64 + "x", "MAX_LENGTH"),
        ("e\u0301" * 11, "MIN_LENGTH"),  # eleven characters, however they are written
        ("\ufdfa" * 20, "MAX_LENGTH"),  # one character that NFKC makes eighteen of
        ("aaaaaaaaaaaaaaa", "FORMAT"),
        ("ababababababab", "FORMAT"),
        (EMAIL, "FORMAT"),
        (EMAIL.upper(), "FORMAT"),
        (f" {NAME} ", "FORMAT"),
        ("\udcff" + "correct horse", "FORMAT"),
    ],
)
def test_password_that_is_short_long_or_what_anybody_would_try_is_refused(password: str, issue: Issue) -> None:
    with pytest.raises(InvalidInput) as raised:
        clean_new_password(password, EMAIL, NAME)
    [problem] = raised.value.problems
    assert (problem.path, problem.issue) == (("password",), issue)
    assert not password or password not in str(raised.value)


def test_password_is_the_same_however_it_is_composed() -> None:
    composed, decomposed = "éàüö" * 3, "e\u0301a\u0300u\u0308o\u0308" * 3
    assert clean_new_password(composed, EMAIL, NAME) == clean_new_password(decomposed, EMAIL, NAME)


@pytest.mark.parametrize(
    "email", ["", "ada", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n@c", "\ud800@b", "x@" + "y" * 253]
)
def test_what_is_no_email_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput):
        clean_email(email)


def test_email_is_trimmed_and_in_lower_case() -> None:
    assert clean_email(" Ada+1@Example.COM\n") == "ada+1@example.com"


def test_tokens_are_random_and_long() -> None:
    tokens = {new_refresh_token() for _ in range(100)}
    assert len(tokens) == 100 and {len(token) for token in tokens} == {43}


def test_successor_takes_both_the_spent_token_and_the_nonce() -> None:
    token, nonce = new_refresh_token(), b"n" * 32
    successor = successor_of(token, nonce)
    assert successor == successor_of(token, nonce) and len(successor) == 64
    assert successor not in (successor_of(token, b"m" * 32), successor_of(new_refresh_token(), nonce))
    assert hash_of(successor) != hash_of(token) and len(hash_of(token)) == 32


def spent(used_before: timedelta | None, ended: bool = False) -> Spent:
    session = Session(SessionId(uuid4()), UserId(uuid4()), NOW, NOW, NOW, None, None)
    used_at = None if used_before is None else NOW - used_before
    return Spent(session, ended, used_at, b"n" * 32)


@pytest.mark.parametrize(
    ("found", "fate"),
    [
        (None, "refused"),
        (spent(timedelta(seconds=1), ended=True), "refused"),
        (spent(timedelta(days=1), ended=True), "refused"),
        (spent(None), "refused"),
        (spent(timedelta(seconds=-2)), "repeated"),  # by a server whose clock is ahead
        (spent(timedelta(0)), "repeated"),
        (spent(timedelta(seconds=10)), "repeated"),
        (spent(timedelta(seconds=10, microseconds=1)), "reused"),
        (spent(timedelta(days=29)), "reused"),
    ],
)
def test_fate_of_a_token_that_cannot_be_spent(found: Spent | None, fate: str) -> None:
    assert fate_of(found, NOW) == fate


def test_what_clients_say_of_themselves_is_printable_and_bounded() -> None:
    assert [shown(text, 5) for text in (None, "", "abcdefg", "a\0b\n\x1bc", "\u202eab")] == [
        None,
        None,
        "abcde",
        "abc",
        "ab",
    ]


def test_no_secret_is_in_a_repr() -> None:
    secrets = "a-hash", "an-access-token", "a-refresh-token"
    text = repr([Account(UserId(uuid4()), "a-hash", 0, False), Issued("an-access-token", 1, "a-refresh-token", 1)])
    assert not any(secret in text for secret in secrets)


@pytest.mark.parametrize(("role", "own"), [("ADMIN", False), ("MANAGER", True), ("USER", True), ("VIEWER", True)])
def test_a_request_comes_to_ones_own_sessions_and_an_administrators_to_anybodys(role: Role, own: bool) -> None:
    user_id = UserId(uuid4())
    assert reaches_sessions_of(Actor(user_id, role)) == (user_id if own else None)
    assert reaches_sessions_of(GUEST) is None  # whose session it is about is found by what the guest shows
