"""Types of answered fields that the OpenAPI document has to be told of."""

from typing import Annotated, get_args

import orjson
from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

from app.domain.audit.model import AuditAction
from app.domain.feature.model import FeatureStatus

NO_NUL = r"^[^\u0000]*$"  # a pattern of JSON Schema

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
