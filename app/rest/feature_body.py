"""What callers send of a feature; fields of a wrong type and fields that break a rule are told together."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import PydanticCustomError

from app.domain.feature import inputs, rules
from app.domain.feature.acts import Settable
from app.domain.feature.inputs import ABSENT, FeaturePatch
from app.http.problem import Detail
from app.kernel.cleaning import MAX_NAME
from app.kernel.errors import InvalidInput
from app.rest.failure import detail_of
from app.rest.fields import JSON_VALUE, NO_NUL
from app.rest.read import Invalid, details_of
from app.rest.route import Ignores, Refuses

type Status = Literal["active", "inactive", "archived"]

STATUSES: Mapping[str, Settable] = {"active": "ACTIVE", "inactive": "INACTIVE", "archived": "ARCHIVED"}

# What the rules say, in JSON Schema: pydantic is not to check it, so that every fault is told in the rules' words.
CONTROL = r"\u0000-\u001F\u007F-\u009F"
NAME: dict[str, JsonValue] = {
    "minLength": 1,
    "maxLength": MAX_NAME,
    "pattern": rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$",
}
DESCRIPTION: dict[str, JsonValue] = {"maxLength": rules.MAX_DESCRIPTION, "pattern": NO_NUL}
LABEL: dict[str, JsonValue] = {"type": "string", "maxLength": rules.MAX_LABEL, "pattern": NO_NUL}
LABELS: dict[str, JsonValue] = {"type": "array", "items": LABEL}
VALUES: dict[str, JsonValue] = {"propertyNames": {"pattern": NO_NUL}, "additionalProperties": JSON_VALUE}
METADATA: dict[str, JsonValue] = {**VALUES, "properties": {"category": LABEL, "tags": LABELS}}
NULL: JsonValue = {"type": "null"}
MERGED: dict[str, JsonValue] = {
    **VALUES,
    "properties": {"category": {"anyOf": [LABEL, NULL]}, "tags": {"anyOf": [LABELS, NULL]}},
}

Name = Annotated[
    str, Field(description="Unique among the owner's features; trimmed, and in NFC.", json_schema_extra=NAME)
]
Description = Annotated[str | None, Field(json_schema_extra=DESCRIPTION)]
Metadata = Annotated[
    dict[str, object] | None,
    Field(description="At most 16 KiB of JSON and 8 levels, without NUL.", json_schema_extra=METADATA),
]


def _not_null(value: object) -> object:
    if value is None:
        raise PydanticCustomError("null", "must not be null")
    return value


def _without_null(more: dict[str, JsonValue]) -> Callable[[dict[str, Any]], None]:
    """The schema of a field that may be absent, but must not be null; None is what absence is read as."""

    def change(schema: dict[str, Any]) -> None:
        (option,) = (option for option in schema.pop("anyOf") if option != NULL)
        schema.update(option, **more)

    return change


class NewFeature(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Name
    description: Description = None
    metadata: Metadata = None


class WholeFeature(NewFeature):
    """What is absent becomes null, or empty; but for the status, which stays."""

    status: Annotated[Status | None, Field(description="Absent: as it is.")] = None

    def patch(self) -> FeaturePatch:
        return FeaturePatch(self.name, self.description, {} if self.metadata is None else self.metadata)


class CreateV1(NewFeature, Ignores):
    pass


class ReplaceV1(WholeFeature, Ignores):
    pass


class CreateV2(NewFeature, Refuses):
    owner_id: Annotated[UUID | None, Field(strict=False, description="Whose it shall be; absent: yours.")] = None


class ReplaceV2(WholeFeature, Refuses):
    pass


class PatchV2(Refuses):
    """JSON Merge Patch (RFC 7396): what is absent stays, null removes; metadata are merged field by field."""

    model_config = ConfigDict(strict=True)

    name: Annotated[str | None, Field(json_schema_extra=_without_null(NAME))] = None
    description: Description = None
    metadata: Annotated[
        dict[str, object] | None, AfterValidator(_not_null), Field(json_schema_extra=_without_null(MERGED))
    ] = None
    status: Annotated[Status | None, AfterValidator(_not_null), Field(json_schema_extra=_without_null({}))] = None

    def patch(self) -> FeaturePatch:
        sent = self.model_fields_set
        return FeaturePatch(
            self.name if "name" in sent else ABSENT,
            self.description if "description" in sent else ABSENT,
            self.metadata if "metadata" in sent else ABSENT,
            merges=True,
        )


def read_body[M: BaseModel](document: Any, model: type[M]) -> M:
    """Raises Invalid with every bad field, whichever rule it breaks."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        details = details_of(error)
    if isinstance(document, dict):
        bad = {detail["field"].partition(".")[0] for detail in details}
        good = {
            name: document[name] for name in ("name", "description", "metadata") if name not in bad and name in document
        }
        details += _broken_rules(good, merges=model is PatchV2)
    order = [*model.model_fields]
    raise Invalid(sorted(details, key=lambda detail: _place(detail, order)))


def _broken_rules(good: Mapping[str, Any], *, merges: bool) -> list[Detail]:
    patch = FeaturePatch(
        good.get("name", ABSENT), good.get("description", ABSENT), good.get("metadata", ABSENT), merges
    )
    if patch.metadata is None:
        patch = FeaturePatch(patch.name, patch.description, merges=merges)
    try:
        inputs.clean(patch)
    except InvalidInput as error:
        return [detail_of(problem) for problem in error.problems]
    return []


def _place(detail: Detail, order: list[str]) -> int:
    name = detail["field"].partition(".")[0]
    return order.index(name) if name in order else len(order)
