"""JSON Schemas of the types that handlers read and answer with, each once under its name."""

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter

from app.rest.fields import JSON_VALUES

BOUNDS = {"ge": "minimum", "le": "maximum"}  # pydantic leaves them so where a validator of ours stands before
REFERENCE = "#/components/schemas/{model}"

type Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Of the document, beside the versions: what stands elsewhere under one tag. `responses` are for `components`."""

    tag: str
    about: str
    paths: dict[str, Document]
    responses: dict[str, Document]


class Schemas:
    """`found`: what was asked for so far, for `components`."""

    def __init__(self) -> None:
        self.found: dict[str, Document] = {"JsonValue": _plain(JSON_VALUES)}
        self._kinds: dict[str, type[Any]] = {}

    def reference(self, kind: type[Any], mode: Literal["validation", "serialization"]) -> Document:
        """To the schema of a class or, of a list of these, the array."""
        if get_origin(kind) is list:
            return {"type": "array", "items": self.reference(get_args(kind)[0], mode)}
        if self._kinds.setdefault(kind.__name__, kind) is not kind:
            raise AssertionError(f"two types are called {kind.__name__}")
        if kind.__name__ not in self.found:
            self._keep(kind.__name__, self._of(kind, mode))
        return {"$ref": REFERENCE.format(model=kind.__name__)}

    def parameters(self, model: type[BaseModel]) -> list[Document]:
        """Of a query string. One that is sent empty counts as not sent."""
        schema = self._of(model, "validation")
        required = schema.get("required", [])
        return [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "allowEmptyValue": True,
                "schema": _sent(field),
            }
            for name, field in schema.get("properties", {}).items()
        ]

    def _of(self, kind: type[Any], mode: Literal["validation", "serialization"]) -> Document:
        schema = TypeAdapter(kind).json_schema(ref_template=REFERENCE, mode=mode)
        for name, inner in schema.pop("$defs", {}).items():
            self._keep(name, inner)
        plain: Document = _plain(schema)
        return plain

    def _keep(self, name: str, schema: Document) -> None:
        plain = _plain(schema)
        if self.found.setdefault(name, plain) != plain:
            raise AssertionError(f"two types are called {name}")


def _plain(schema: Any) -> Any:
    """Without the titles that pydantic makes of names, and without defaults that say no more than absence."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "x-ref" in schema:
        return {"$ref": REFERENCE.format(model=schema["x-ref"])}
    return {
        BOUNDS.get(key, key): _plain(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value in (None, []))
    }


def _sent(field: Document) -> Document:
    """A query string has no null."""
    options = [option for option in field.get("anyOf", []) if option != {"type": "null"}]
    if len(options) != 1:
        return field
    return {**{key: value for key, value in field.items() if key != "anyOf"}, **options[0]}
