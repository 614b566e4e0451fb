"""/docs: the OpenAPI document as one page of plain HTML. It needs no script and no network, so its policy allows none."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any

import orjson

STYLE = """
:root { color-scheme: light dark; }
body { max-width: 60rem; margin: 3rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
code, pre { font: 14px/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .25rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
summary { cursor: pointer; padding: .25rem 0; }
details details { margin-left: 1rem; }
"""
POLICY = b64encode(sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{POLICY}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
METHODS = ("get", "post", "put", "patch", "delete")

type Node = Mapping[str, Any]


def page(document: Node) -> str:
    return _Page(document).text()


class _Page:
    def __init__(self, document: Node) -> None:
        self._document = document

    def text(self) -> str:
        info, schemas = self._document["info"], self._document["components"]["schemas"]
        title = f"{info['title']} {info['version']}"
        shown = "".join(
            f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>'
            for name, schema in schemas.items()
        )
        about = "".join(f"<p>{_prose(part)}</p>" for part in info["description"].split("\n\n"))
        return (
            f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
            f"<style>{STYLE}</style>\n<h1>{escape(title)}</h1>\n{about}\n"
            '<p><a href="/openapi.json">The OpenAPI document</a> · <a href="/errors">Errors</a></p>\n'
            f"{''.join(self._tags())}\n<h2>Schemas</h2>\n{shown}\n</html>\n"
        )

    def _tags(self) -> Iterator[str]:
        for tag in reversed(self._document["tags"]):
            yield f"<h2>{escape(tag['name'])}</h2>\n<p>{_prose(tag['description'])}</p>\n"
            for path, item in self._document["paths"].items():
                for method in METHODS:
                    if method in item and tag["name"] in item[method]["tags"]:
                        yield self._operation(method, path, item, item[method])

    def _operation(self, method: str, path: str, item: Node, operation: Node) -> str:
        answers = "".join(self._answer(status, answer) for status, answer in operation["responses"].items())
        return (
            f'<details id="{operation["operationId"]}"><summary><code>{method.upper()} {escape(path)}</code> '
            f"{escape(operation['summary'])}</summary>\n"
            f"{self._parameters([*item['parameters'], *operation.get('parameters', [])])}{self._body(operation)}"
            f"<h4>Answers</h4>{answers}</details>\n"
        )

    def _parameters(self, parameters: list[Node]) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(found['name'])}</code>{' (required)' if found.get('required') else ''}"
            f"<td>{found['in']}<td>{_prose(found.get('description', ''))}<td>{_inline(found['schema'])}"
            for found in map(self._resolve, parameters)
        )
        return f"<h4>Parameters</h4><table><tr><th>Name<th>In<th>What<th>Schema{rows}</table>\n"

    def _body(self, operation: Node) -> str:
        if "requestBody" not in operation:
            return ""
        content = operation["requestBody"]["content"]
        kinds = " or ".join(f"<code>{escape(media)}</code>" for media in content)
        first = next(iter(content.values()))
        return f"<h4>Body</h4><p>{kinds}: {_inline(first['schema'])}</p>{_json(first['example'])}"

    def _answer(self, status: str, answer: Node) -> str:
        found = self._resolve(answer)
        headers = ", ".join(f"<code>{escape(name)}</code>" for name in found["headers"])
        shown = "".join(self._media(media, content) for media, content in found.get("content", {}).items())
        return (
            f"<details><summary><code>{status}</code> {_prose(found['description'])}</summary>"
            f"<p>Headers: {headers}</p>{shown}</details>\n"
        )

    def _media(self, media: str, content: Node) -> str:
        examples = content.get("examples", {"": {"value": content.get("example")}})
        shown = "".join(_json(example["value"]) for example in examples.values())
        return f"<p><code>{escape(media)}</code></p>{shown}"

    def _resolve(self, node: Node) -> Node:
        while "$ref" in node:
            found: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node


def _named(schema: Node) -> str:
    name = schema["$ref"].rpartition("/")[2]
    return f'<a href="#{escape(name)}"><code>{escape(name)}</code></a>'


def _inline(schema: Node) -> str:
    return _named(schema) if "$ref" in schema else f"<code>{escape(orjson.dumps(schema).decode())}</code>"


def _json(value: object) -> str:
    """Text as it is."""
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return f"<pre>{escape(text)}</pre>"


def _prose(text: str) -> str:
    """What stands between backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
