"""What a GraphQL request asks for: its parameters, checked for their types before anything is done with them."""

import re
from collections.abc import Mapping
from typing import Any

from app.kernel.value import value
from app.http.refused import Refused

HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
ID = re.compile(r"[A-Za-z0-9._~:-]{1,200}", re.ASCII)  # what the draft allows in one, and no longer than anybody needs
EXAMPLE = '{"query": "{ viewer { name } }"}'


@value
class Asked:
    """The document by its text, by its id, or by its hash (Apollo's persisted queries), which may come with the text."""

    query: str | None
    document_id: str | None
    hash: str | None
    operation_name: str | None
    variables: dict[str, Any]


def asked_of(parameters: object) -> Asked:
    """Raises Refused for what is no well-formed GraphQL request."""
    if not isinstance(parameters, dict):
        raise _bad(f"A request must be a JSON object such as {EXAMPLE}.")
    query, document_id = parameters.get("query"), parameters.get("documentId")
    name, variables = parameters.get("operationName"), parameters.get("variables")
    extensions = parameters.get("extensions")
    if query is not None and (not isinstance(query, str) or not query.strip()):
        raise _bad("`query` must be the text of a GraphQL document.")
    if document_id is not None and (not isinstance(document_id, str) or not ID.fullmatch(document_id)):
        raise _bad("`documentId` must be a string of at most 200 letters, digits and `-._~:`.")
    if name is not None and not isinstance(name, str):
        raise _bad("`operationName` must be a string.")
    if variables is not None and not isinstance(variables, dict):
        raise _bad("`variables` must be a JSON object.")
    if extensions is not None and not isinstance(extensions, dict):
        raise _bad("`extensions` must be a JSON object.")
    hash = _hash_in(extensions) if extensions else None
    if query is None and document_id is None and hash is None:
        raise _bad(f"`query` is missing: send the text of a GraphQL document, as in {EXAMPLE}.")
    if document_id is not None and (query is not None or hash is not None):
        raise _bad("Send `documentId` or the document, not both.")
    return Asked(query, document_id, hash, name or None, variables or {})


def _hash_in(extensions: Mapping[str, object]) -> str | None:
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if isinstance(persisted, dict):
        version, hash = persisted.get("version"), persisted.get("sha256Hash")
        if type(version) is int and version == 1 and isinstance(hash, str) and HASH.fullmatch(hash):
            return hash
    raise _bad('`extensions.persistedQuery` must be {"version": 1, "sha256Hash": 64 lower-case hexadecimal digits}.')


def _bad(message: str) -> Refused:
    return Refused(400, "BAD_REQUEST", message)
