"""Types of answered fields that the OpenAPI document has to be told of."""

from typing import Annotated

import orjson
from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

# Text from the database that goes into the answer as it is.
AnyObject = Annotated[
    orjson.Fragment,
    GetPydanticSchema(lambda source, handler: core_schema.any_schema()),
    WithJsonSchema({"type": "object"}),
]
Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
