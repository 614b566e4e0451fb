"""Who somebody is by the claims of a provider, and which claims name nobody (R24)."""

from typing import Any

import pytest

from app.auth.claims import MAX_GROUPS, MAX_SUBJECT, person_of
from app.domain.session.model import Person

ISSUER = "https://login.example.com"


def person(**claims: Any) -> Person | None:
    return person_of({"sub": "one", **claims}, ISSUER, "realm.roles")


@pytest.mark.parametrize("subject", ["x", "x" * MAX_SUBJECT, "ü|7 a@b"])
def test_a_subject_is_taken_as_it_is(subject: str) -> None:
    assert MAX_SUBJECT == 255
    assert person(sub=subject) == Person(ISSUER, subject)


@pytest.mark.parametrize(
    "subject",
    ["", "x" * (MAX_SUBJECT + 1), "a\x00b", "a\nb", "a\u202eb", "\ud800", None, 7, True, ["x"], {"x": "y"}],
    ids=["empty", "long", "NUL", "line", "override", "surrogate", "none", "number", "true", "list", "object"],
)
def test_what_is_no_subject_names_nobody(subject: object) -> None:
    assert person(sub=subject) is None


@pytest.mark.parametrize(
    ("verified", "email"),
    [(True, "a@b.c"), ("true", "a@b.c"), (False, None), ("false", None), ("yes", None), (None, None), (7, None)],
    ids=repr,
)
def test_an_email_counts_only_where_the_provider_says_that_it_is_verified(verified: object, email: str | None) -> None:
    assert person(email="a@b.c", email_verified=verified) == Person(ISSUER, "one", None, email)


def test_an_email_that_is_no_text_is_none() -> None:
    assert person(email=["a@b.c"], email_verified=True) == Person(ISSUER, "one")


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ada", "preferred_username": "ada"}, "Ada"),
        ({"name": " ", "preferred_username": "ada"}, "ada"),
        ({"name": 7}, None),
    ],
    ids=["name", "username", "neither"],
)
def test_the_name_is_the_first_that_is_a_text(claims: dict[str, object], name: str | None) -> None:
    assert person(**claims) == Person(ISSUER, "one", name)


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ({"realm": {"roles": ["staff", 7, None, ["x"], "leads"]}}, ("staff", "leads")),
        ({"realm": {"roles": "staff"}}, ("staff",)),
        ({"realm.roles": ["leads"], "realm": {"roles": ["staff"]}}, ("leads",)),
        ({"realm": ["roles"]}, ()),
        ({"realm": {"roles": {"staff": True}}}, ()),
        ({}, ()),
        ({"realm": {"roles": [str(number) for number in range(MAX_GROUPS + 1)]}}, tuple(map(str, range(MAX_GROUPS)))),
    ],
    ids=["texts alone", "one", "name before path", "no path", "object", "none", "too many"],
)
def test_groups_are_the_texts_at_the_claims_name_or_path(claims: dict[str, object], groups: tuple[str, ...]) -> None:
    assert person(**claims) == Person(ISSUER, "one", groups=groups)
