"""Expected failures of mutations, as data: the domain's errors described, never copied."""

import enum

import strawberry
from strawberry.scalars import JSON

from app.engine.declare import Describes
from app.kernel import errors
from app.kernel.ids import global_id
from app.schema.failure import (
    DuplicateEmailTold,
    DuplicateNameTold,
    InvalidTransitionTold,
    ItemRefusedTold,
    LastAdminTold,
    LimitExceededTold,
    NotFoundTold,
    StaleVersionTold,
    TokenLimitExceededTold,
    input_path,
)
from app.schema.feature import Feature
from app.schema.feature_request import FeatureStatus

MESSAGE = "For people, in English, with the next step in it."
PATH = 'Where in the arguments, such as ["input", "name"]; null where no argument alone is to blame.'
CODE = "For programs: it does not change."


@strawberry.enum(description="What kind of failure it is.")
class ErrorCode(enum.Enum):
    VALIDATION_ERROR = strawberry.enum_value("VALIDATION_ERROR", description="A value breaks a rule.")
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="There is no such object, or you may not see it.")
    DUPLICATE_NAME = strawberry.enum_value("DUPLICATE_NAME", description="The owner has a feature of that name.")
    FEATURE_LIMIT_EXCEEDED = strawberry.enum_value(
        "FEATURE_LIMIT_EXCEEDED", description="The owner has as many active features as allowed."
    )
    TOKEN_LIMIT_EXCEEDED = strawberry.enum_value(
        "TOKEN_LIMIT_EXCEEDED", description="The user has as many tokens that live as allowed."
    )
    INVALID_TRANSITION = strawberry.enum_value("INVALID_TRANSITION", description="The status does not lead there.")
    STALE_VERSION = strawberry.enum_value("STALE_VERSION", description="The feature changed since you read it.")
    DUPLICATE_EMAIL = strawberry.enum_value("DUPLICATE_EMAIL", description="Another user has that email.")
    LAST_ADMIN = strawberry.enum_value("LAST_ADMIN", description="No administrator would be left.")
    FORBIDDEN = strawberry.enum_value("FORBIDDEN", description="You may not do this to the feature that an item names.")
    UNDONE = strawberry.enum_value("UNDONE", description="All items were to be done or none, and another was refused.")
    UNAVAILABLE = strawberry.enum_value("UNAVAILABLE", description="There was no time or no database for an item.")


@strawberry.enum(description="Which rule a value breaks.")
class ValidationIssue(enum.Enum):
    REQUIRED = strawberry.enum_value("REQUIRED", description="It must not be null.")
    TYPE = strawberry.enum_value("TYPE", description="It is of the wrong type.")
    MIN_LENGTH = strawberry.enum_value("MIN_LENGTH", description="It is shorter than `limit`.")
    MAX_LENGTH = strawberry.enum_value("MAX_LENGTH", description="It is longer than `limit`.")
    FORMAT = strawberry.enum_value("FORMAT", description="It holds what it must not hold.")
    RANGE = strawberry.enum_value("RANGE", description="It is beyond `limit`, or beyond what can be kept.")


@strawberry.interface(description="Why a mutation did nothing.")
class UserError:
    message: str = strawberry.field(description=MESSAGE)
    code: ErrorCode = strawberry.field(description=CODE)
    path: list[str] | None = strawberry.field(description=PATH)


problem = Describes(errors.Problem)
not_found = Describes(NotFoundTold)
duplicate = Describes(DuplicateNameTold)
exceeded = Describes(LimitExceededTold)
token_limit = Describes(TokenLimitExceededTold)
transition = Describes(InvalidTransitionTold)
conflict = Describes(errors.Conflict)
stale = Describes(StaleVersionTold)
duplicate_email = Describes(DuplicateEmailTold)
last_admin = Describes(LastAdminTold)
item_refused = Describes(ItemRefusedTold)


@problem.type
class ValidationError(UserError):
    """A value breaks a rule; every bad field has an error of its own."""

    path: list[str] | None = problem.column(input_path, description=PATH)
    issue: ValidationIssue = problem.value("Which rule.")
    limit: int | None = problem.value("The bound that was passed, in the unit that the message names.")


@not_found.type
class NotFoundError(UserError):
    """There is no such object, or you may not see it."""

    path: list[str] | None = not_found.column(input_path, description=PATH)


@duplicate.type
class DuplicateNameError(UserError):
    """The owner has another feature of that name that is not deleted."""

    path: list[str] | None = duplicate.column(input_path, description=PATH)
    existing_id: strawberry.ID | None = duplicate.column(
        lambda e: None if e.error.existing_id is None else global_id("Feature", e.error.existing_id),
        description="The id of that feature; null where it is gone by now.",
    )


@exceeded.type
class LimitExceededError(UserError):
    """The owner has as many active features as allowed."""

    path: list[str] | None = exceeded.column(input_path, description=PATH)
    limit: int | None = exceeded.column(  # nullable as ValidationError's is, so that one query may select both
        lambda e: e.error.limit, description="How many active features an owner may have; never null."
    )


@token_limit.type
class TokenLimitExceededError(UserError):
    """The user has as many tokens that live as allowed: neither revoked nor run out."""

    path: list[str] | None = token_limit.column(input_path, description=PATH)
    limit: int | None = token_limit.column(
        lambda e: e.error.limit, description="How many tokens that live a user may have; never null."
    )


@transition.type
class InvalidTransitionError(UserError):
    """The status does not lead there."""

    path: list[str] | None = transition.column(input_path, description=PATH)
    from_: FeatureStatus = transition.column(
        lambda e: e.error.from_status, name="from", description="The status that the feature has."
    )
    to: FeatureStatus = transition.column(lambda e: e.error.to_status, description="The status that was asked for.")


@conflict.type
class FieldConflict:
    """A field that you want to be other than it is by now."""

    field: str = conflict.value("The field's name: name, description, status or metadata.")
    current: JSON | None = conflict.value("What it is by now.")
    proposed: JSON | None = conflict.value("What you want it to be.")


@stale.type
class StaleVersionError(UserError):
    """The feature changed since you read it: nothing was written."""

    path: list[str] | None = stale.column(input_path, description=PATH)
    expected_version: int = stale.column(lambda e: e.error.expected_version, description="The version that you saw.")
    current_version: int = stale.column(lambda e: e.error.current_version, description="The version by now.")
    current: Feature = stale.column(lambda e: e.error.current, description="The feature as it is by now.")
    conflicts: list[FieldConflict] = stale.column(
        lambda e: e.error.conflicts, description="The fields that you want to be other than they are by now."
    )


@duplicate_email.type
class DuplicateEmailError(UserError):
    """Another user has that email, in capitals or not."""

    path: list[str] | None = duplicate_email.column(input_path, description=PATH)
    existing_id: strawberry.ID | None = duplicate_email.column(
        lambda e: None if e.error.existing_id is None else global_id("User", e.error.existing_id),
        description="The id of that user; null where it is gone by now.",
    )


@last_admin.type
class LastAdminError(UserError):
    """Nobody would be left who may administer users."""

    path: list[str] | None = last_admin.column(input_path, description=PATH)


@item_refused.type
class ItemRefusedError(UserError):
    """One item of many was refused for what is an error of the whole request elsewhere, or since another one was."""

    path: list[str] | None = item_refused.column(input_path, description=PATH)


ERROR_TYPES = [
    ValidationError,
    NotFoundError,
    DuplicateNameError,
    LimitExceededError,
    TokenLimitExceededError,
    InvalidTransitionError,
    StaleVersionError,
    DuplicateEmailError,
    LastAdminError,
    ItemRefusedError,
]
