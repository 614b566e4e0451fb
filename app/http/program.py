"""Which program calls, by its own word: name and version, as GraphQL clients and gateways send them."""

from collections.abc import Mapping

type Program = tuple[str, str]  # name and version, each empty where it is not told

NAME, VERSION = b"graphql-client-name", b"graphql-client-version"
OF_APOLLO = b"apollo" + NAME, b"apollo" + VERSION
PROGRAM = frozenset({NAME, VERSION, *OF_APOLLO})


def program_of(headers: Mapping[bytes, str]) -> Program:
    name, version = headers.get(NAME), headers.get(VERSION)
    return name or headers.get(OF_APOLLO[0], ""), version or headers.get(OF_APOLLO[1], "")
