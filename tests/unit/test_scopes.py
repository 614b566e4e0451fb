"""A scope is the name of one permission: it opens that one, as far as the role goes, and nothing else (R25)."""

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import combinations
from typing import get_args

import pytest

import app.domain
from app.domain.feature import rules as feature_rules
from app.kernel.actor import GUEST, NOBODY, Actor, Grants, Reach, Role, Scope
from app.kernel.clock import new_id
from app.kernel.errors import Unauthenticated
from app.kernel.ids import UserId

ME, OTHER = UserId(new_id()), UserId(new_id())
ROLES: tuple[Role, ...] = get_args(Role.__value__)
SCOPES: tuple[Scope, ...] = get_args(Scope.__value__)


def every_permission() -> Iterator[Grants]:
    """In the rules of every slice, once each."""
    seen: set[int] = set()
    for module in pkgutil.walk_packages(app.domain.__path__, "app.domain."):
        if not module.name.endswith(".rules"):
            continue
        for found in vars(import_module(module.name)).values():
            for grants in found.values() if isinstance(found, Mapping) else [found]:
                if isinstance(grants, Grants) and id(grants) not in seen:
                    seen.add(id(grants))
                    yield grants


PERMISSIONS = list(every_permission())


def test_permissions_and_scopes_are_the_same_words_each_once() -> None:
    assert sorted(grants.scope for grants in PERMISSIONS) == sorted(SCOPES)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_its_own_permission_as_far_as_the_role_goes_and_no_other(scope: Scope, role: Role) -> None:
    narrowed, whole = Actor(ME, role, frozenset({scope})), Actor(ME, role)
    for grants in PERMISSIONS:
        expected = grants.by_role.get(role, Reach.NONE) if grants.scope == scope else Reach.NONE
        assert narrowed.reach(grants) is expected
        for owner_id in (ME, OTHER):
            assert narrowed.may(grants, owner_id) is (grants.scope == scope and whole.may(grants, owner_id))
        assert narrowed.visible_to(grants) == {Reach.ANY: None, Reach.OWN: ME, Reach.NONE: NOBODY}[expected]


@pytest.mark.parametrize("role", ROLES)
def test_scopes_add_up_and_all_of_them_are_the_role_itself(role: Role) -> None:
    for pair in combinations(SCOPES, 2):
        actor = Actor(ME, role, frozenset(pair))
        opened = {grants.scope for grants in PERMISSIONS if actor.reach(grants) is not Reach.NONE}
        assert opened == {grants.scope for grants in PERMISSIONS if grants.scope in pair and role in grants.by_role}
    everything = Actor(ME, role, frozenset(SCOPES))
    assert all(everything.reach(grants) is Actor(ME, role).reach(grants) for grants in PERMISSIONS)


def test_no_scope_and_an_unknown_one_open_nothing() -> None:
    for scopes in (frozenset[str](), frozenset({"features", "features:*", "*", "FEATURES:READ", "features:read "})):
        assert {Actor(ME, "ADMIN", scopes).reach(grants) for grants in PERMISSIONS} == {Reach.NONE}


def test_a_refusal_names_the_scope_only_where_the_token_withholds_it() -> None:
    for grants in PERMISSIONS:
        lacking = Actor(ME, "VIEWER", frozenset()).refusal(grants, "You may not.")
        assert lacking.message == f"The token lacks the scope {grants.scope}."
        for actor in (Actor(ME, "VIEWER"), Actor(ME, "VIEWER", frozenset({grants.scope}))):
            assert actor.refusal(grants, "You may not.").message == "You may not."


def test_a_guest_sees_nothing() -> None:
    for grants in PERMISSIONS:
        assert GUEST.reach(grants) is Reach.NONE
        with pytest.raises(Unauthenticated):
            GUEST.visible_to(grants)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "scopes", [None, *map(frozenset, combinations(("features:read", "features:create"), 1)), frozenset()]
)
def test_the_widest_of_permissions_reaches_all_that_one_of_them_does(role: Role, scopes: frozenset[str] | None) -> None:
    actor = Actor(ME, role, scopes)
    found = actor.widest(feature_rules.EVERY)
    assert {grants.scope for grants in feature_rules.EVERY} == {name for name in SCOPES if name.startswith("features:")}
    for grants in feature_rules.EVERY:
        for owner in (ME, OTHER):
            assert not actor.may(grants, owner) or found in (None, owner)
    assert (found is None) == any(actor.may(grants, OTHER) for grants in feature_rules.EVERY)
    assert (found == NOBODY) == (not any(actor.may(grants, ME) for grants in feature_rules.EVERY))


def test_nothing_of_anybodys_is_in_a_guests_reach() -> None:
    assert GUEST.widest(PERMISSIONS) == NOBODY
