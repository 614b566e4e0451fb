"""Passwords that are tried first are refused when they are chosen, however long they are (R22)."""

import sys
from subprocess import run

import pytest

from app.auth.guessing import guesses
from app.domain.session.rules import MIN_GUESSES, check_guesses
from app.kernel.errors import InvalidInput

KNOWN = ("ada.lovelace@example.com", "Ada Lovelace King")


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "passwordpassword",
        "P@ssw0rd2024!",
        "qwertyuiop12",
        "qwertyuiopasdfghjkl",
        "1q2w3e4r5t6y",
        "123456789012",
        "abcdefghijklmnop",
        "iloveyouforever",
        "changemechangeme",
        "sunshine1234",
        "lovelace1815",
        "Example.com1",
        "kangaroo" * 30,
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_guesses(guesses(password, KNOWN))
    [problem] = raised.value.problems
    assert (problem.path, problem.issue) == (("password",), "FORMAT")
    assert password not in problem.message


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "nine hundred harvest moons",
        "x7#kPq!92vLm",
        "🐎🔋📎🦊 und ß",
        "q8" + "\0é\ud7ff" * 60,
    ],
)
def test_what_nobody_expects_is_a_password(password: str) -> None:
    check_guesses(guesses(password, KNOWN))


def test_fewest_tries_are_enough_and_one_less_is_not() -> None:
    check_guesses(MIN_GUESSES)
    with pytest.raises(InvalidInput):
        check_guesses(MIN_GUESSES - 1)


def test_words_about_one_user_are_nothing_to_another() -> None:
    password = "wuthering-1815"
    assert guesses(password, ["Wuthering"]) < guesses(password, ["Ada"])


def test_a_server_does_not_read_the_words() -> None:
    code = "import sys, app.cli.main; sys.exit('zxcvbn' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
