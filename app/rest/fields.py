"""Types of answered fields that the OpenAPI document has to be told of."""

from typing import Annotated, Any, get_args

import orjson
from pydantic import GetPydanticSchema, JsonValue, WithJsonSchema
from pydantic_core import core_schema

from app.domain.audit.model import AuditAction
from app.domain.feature.model import FeatureStatus

NO_NUL = r"^[^\u0000]*$"  # a pattern of JSON Schema

# A value within metadata; the document has it among its schemas, since it is made of itself. pydantic takes no `$ref`
# to what it has not made.
JSON_VALUE: dict[str, JsonValue] = {"x-ref": "JsonValue"}
JSON_VALUES: dict[str, Any] = {
    "description": "Any JSON value whose numbers fit 64 bits, without the character NUL.",
    "anyOf": [
        {"type": ["null", "boolean"]},
        {"type": "number", "minimum": -(2**63), "maximum": 2**64 - 1},
        {"type": "string", "pattern": NO_NUL},
        {"type": "array", "items": JSON_VALUE},
        {"type": "object", "propertyNames": {"pattern": NO_NUL}, "additionalProperties": JSON_VALUE},
    ],
}

# Text from the database that goes into the answer as it is.
AnyObject = Annotated[
    orjson.Fragment,
    GetPydanticSchema(lambda source, handler: core_schema.any_schema()),
    WithJsonSchema({"type": "object"}),
]
Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]  # as text already
AnyStatus = Annotated[
    str, WithJsonSchema({"type": "string", "enum": [name.lower() for name in get_args(FeatureStatus.__value__)]})
]
Action = Annotated[
    str, WithJsonSchema({"type": "string", "enum": [name.lower() for name in get_args(AuditAction.__value__)]})
]
