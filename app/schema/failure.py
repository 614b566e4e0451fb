"""The domain's errors as values, which `userErrors` lists: described by schema.errors, never copied."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from app.kernel import errors
from app.kernel.value import value


@value
class Told[E: errors.DomainError]:
    """An error as a value: graphql-core raises what is an exception, wherever a resolver returns it. `place`: of the
    part of the input that it is about, where that is one of many."""

    error: E
    place: errors.Path = ()

    @property
    def message(self) -> str:
        return self.error.message

    @property
    def code(self) -> errors.ErrorCode:
        return self.error.code

    @property
    def path(self) -> errors.Path | None:
        return (*self.place, *(self.error.path or ())) or None


class NotFoundTold(Told[errors.NotFound]): ...


class DuplicateNameTold(Told[errors.DuplicateName]): ...


class LimitExceededTold(Told[errors.LimitExceeded]): ...


class TokenLimitExceededTold(Told[errors.TokenLimitExceeded]): ...


class InvalidTransitionTold(Told[errors.InvalidTransition]): ...


class StaleVersionTold(Told[errors.StaleVersion]): ...


class DuplicateEmailTold(Told[errors.DuplicateEmail]): ...


class LastAdminTold(Told[errors.LastAdmin]): ...


class ItemRefusedTold(Told[errors.DomainError]): ...


type Failure = errors.Problem | Told[Any]

TOLD: Mapping[type[errors.DomainError], Callable[..., Told[Any]]] = {
    errors.NotFound: NotFoundTold,
    errors.DuplicateName: DuplicateNameTold,
    errors.LimitExceeded: LimitExceededTold,
    errors.TokenLimitExceeded: TokenLimitExceededTold,
    errors.InvalidTransition: InvalidTransitionTold,
    errors.StaleVersion: StaleVersionTold,
    errors.DuplicateEmail: DuplicateEmailTold,
    errors.LastAdmin: LastAdminTold,
}


def input_path(failure: Failure) -> list[str] | None:
    return None if failure.path is None else ["input", *failure.path]


def failures_of_item(error: errors.DomainError, place: errors.Path) -> list[Failure]:
    """What `userErrors` lists of one item of many, whatever it was refused for."""
    if isinstance(error, errors.InvalidInput):
        return [replace(problem, path=(*place, *problem.path)) for problem in error.problems]
    return [TOLD.get(type(error), ItemRefusedTold)(error, place)]


def failures(error: errors.DomainError) -> list[Failure]:
    """What `userErrors` lists. Raises the error where it is none of those that mutations answer as data."""
    if isinstance(error, errors.InvalidInput):
        return list(error.problems)
    told = TOLD.get(type(error))
    if told is None:
        raise error
    return [told(error)]
