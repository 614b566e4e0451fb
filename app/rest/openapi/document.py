"""The OpenAPI 3.1 document of both versions, made of their routes; nothing in it depends on settings or on the day."""

from collections.abc import Callable
from typing import Any

import orjson

from app.rest.openapi import headers
from app.rest.openapi.answers import Answers, keyed, tags
from app.rest.openapi.examples import BODIES, SENT
from app.rest.openapi.schemas import Document, Part, Schemas
from app.rest.route import Route
from app.rest.version import Version

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ABOUT = """A registry of features with an audit trail. v1 is frozen and deprecated; new callers take v2.

GET has HEAD beside it, and every address answers OPTIONS with `Allow`. Each error has a page under `/errors`."""
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An access token of `POST /auth/login`, or an API token.",
}
TAGS = {
    "v1": "The legacy contract: deprecated, and frozen.",
    "v2": "Pages by cursor, merge patch, acts, and a version demanded for every change of what exists.",
}


def document(versions: tuple[Version, ...], product: str, *beside: Callable[[Schemas], Part]) -> Document:
    """`product`: the version that the document bears; `beside` make what is not REST's own."""
    schemas, paths, responses = Schemas(), dict[str, Document](), dict[str, Document]()
    for version in versions:
        answers = Answers(version, schemas)
        for route in version.routes.all:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(version, route, answers, schemas)
        responses |= answers.shared
    parts = [part(schemas) for part in beside]
    for part in parts:
        responses |= part.responses
    about = {**TAGS, **{part.tag: part.about for part in parts}}
    return {
        "openapi": "3.1.1",
        "info": {"title": "Feature API", "version": product, "description": ABOUT},
        "jsonSchemaDialect": DIALECT,
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": text} for name, text in about.items()],
        "paths": {
            **{path: {**_parameters(path), **operations} for path, operations in paths.items()},
            **{path: item for part in parts for path, item in part.paths.items()},
        },
        "components": {
            "schemas": dict(sorted(schemas.found.items())),
            "responses": dict(sorted(responses.items())),
            "parameters": headers.PARAMETERS,
            "headers": headers.components(),
            "securitySchemes": {"bearer": BEARER},
        },
    }


def as_json(found: Document) -> bytes:
    """In lines, so that a difference shows where it is."""
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def _parameters(path: str) -> Document:
    found = [headers.of_path(part[1:-1]) for part in path.split("/") if part[:1] == "{"]
    return {"parameters": [*found, headers.parameter("RequestId")]}


def _operation(version: Version, route: Route[Any, Any], answers: Answers, schemas: Schemas) -> Document:
    name = version.prefix.rpartition("/")[2]
    sent = schemas.parameters(route.query)
    if route.method != "GET" and "{" in route.path:
        sent.append(headers.parameter("IfMatch", required=route.demands))
    elif route.method == "GET" and tags(version, route):
        sent.append(headers.parameter("IfNoneMatch"))
    found: Document = {"operationId": f"{name}_{route.handler.__name__}", "summary": route.summary, "tags": [name]}
    if keyed(route):
        sent.append(headers.parameter("IdempotencyKey"))
    if version.legacy:
        found["deprecated"] = True
    if sent:
        found["parameters"] = sent
    if route.body is bytes:
        found["requestBody"] = {"required": True, "content": {media: SENT[media] for media in route.media}}
    elif route.body is not None:
        content = {"schema": schemas.reference(route.body, "validation"), "example": BODIES[route.body]}
        found["requestBody"] = {"required": True, "content": dict.fromkeys(route.media, content)}
    return {**found, "responses": answers.of(route)}
