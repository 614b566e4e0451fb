"""What a contract is compared with: a file, what a URL answers, or the file as it was at a git ref."""

import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
from graphql import GraphQLError, GraphQLSchema, build_client_schema, get_introspection_query

from app.contract.change import NotComparable
from app.contract.graphql_changes import read_schema

LONGEST = 20_000_000  # bytes of an answer
PATIENCE = 30.0  # seconds
WRITTEN = (
    ".graphql",
    ".graphqls",
    ".gql",
    ".json",
)  # a URL that ends so is a file; any other is asked by introspection


def read_text(source: str, file: Path) -> str:
    """Of a file, a URL or a git ref; `file`: what is read at the ref, if it names none. Raises NotComparable."""
    if urlsplit(source).scheme in ("http", "https"):
        return _answer("GET", source, None, None)
    path = Path(source)
    try:
        return path.read_text("utf-8") if path.is_file() else _at_ref(source, file)
    except (OSError, UnicodeDecodeError):
        raise NotComparable(f"{source} cannot be read as text.") from None


def read_graphql(source: str, file: Path, token: str | None) -> GraphQLSchema:
    """SDL, or an introspection's answer, which shows no directives on fields; `token` is for a URL. Raises
    NotComparable."""
    parts = urlsplit(source)
    if parts.scheme in ("http", "https") and not parts.path.endswith(WRITTEN):
        query = get_introspection_query(
            input_value_deprecation=True, directive_is_repeatable=True, specified_by_url=True
        )
        return _introspected(_answer("POST", source, token, {"query": query}))
    text = _answer("GET", source, token, None) if parts.scheme in ("http", "https") else read_text(source, file)
    return _introspected(text) if text.lstrip().startswith("{") else read_schema(text)


def _introspected(text: str) -> GraphQLSchema:
    try:
        found: Any = orjson.loads(text)
        return build_client_schema(found.get("data") or found)
    except (orjson.JSONDecodeError, GraphQLError, TypeError, AttributeError) as error:
        raise NotComparable(f"No answer to an introspection: {' '.join(str(error).split())[:200]}") from None


def _at_ref(source: str, file: Path) -> str:
    ref, _, path = source.partition(":")
    command = ["git", "show", "--end-of-options", f"{ref}:{path or f'./{file}'}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotComparable(f"{source} is no file, and there is no git to look for a ref.") from None
    if done.returncode:
        reason = next(iter(done.stderr.splitlines()), "git show failed")
        raise NotComparable(f"{source} is no file, no URL, and no ref of git with {path or file} in it: {reason}")
    return done.stdout


def _answer(method: str, url: str, token: str | None, body: object) -> str:
    headers = {"accept": "application/json, text/plain, */*"} | ({"authorization": f"Bearer {token}"} if token else {})
    found = bytearray()
    try:
        with httpx2.stream(method, url, json=body, headers=headers, timeout=PATIENCE) as response:
            response.raise_for_status()
            for piece in response.iter_bytes():
                found += piece
                if len(found) > LONGEST:
                    raise NotComparable(f"{_shown(url)} answers more than {LONGEST:,} bytes.")
        return found.decode()
    except httpx2.HTTPStatusError as error:
        raise NotComparable(f"{_shown(url)} answers {error.response.status_code}.") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeDecodeError) as error:
        raise NotComparable(f"{_shown(url)} gives no answer: {type(error).__name__}.") from None


def _shown(url: str) -> str:
    """Without what may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
