"""Before anything is timed: do all give the same answers, and how many statements does each need for one?"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

import httpx

from bench.contenders import BenchError
from bench.request import Request
from bench.serve import Running

COUNTED = 9  # requests, one after the other; the median is what each needs
WARM = 5
# With log_statement = all PostgreSQL writes one such line per statement that is run, before it answers.
EXECUTED = re.compile(rb"^[-\d]+ [:.\d]+ \w+ \[\d+\] LOG:  (?:statement|execute [^:\n]*): ", re.MULTILINE)
TIMES = frozenset({"createdAt", "updatedAt", "created_at", "updated_at"})
MADE_ANEW = frozenset({"id", "createdAt", "created_at", "updated_at"})  # by each server for what it creates


@dataclass(frozen=True)
class Checked:
    """One answer as all must give it, its length in bytes, and SQL statements per request."""

    answer: object
    length: int
    statements: int


def check(
    running: Running, requests: Sequence[Request], writes: bool, found: Callable[[Any], Any] = lambda data: data
) -> Checked:
    """`found` takes what is compared out of an answer's data. Raises BenchError. The server's statements must be
    logged."""
    log = running.stage.postgres.log_file
    counts: list[int] = []
    with httpx.Client(timeout=60) as client:
        first = running.ask(client, requests[0])
        for number in range(1, WARM):
            running.ask(client, requests[number % len(requests)].numbered(number))
        for number in range(WARM, WARM + COUNTED):
            before = log.stat().st_size
            running.ask(client, requests[number % len(requests)].numbered(number))
            with log.open("rb") as stream:
                stream.seek(before)
                counts.append(len(EXECUTED.findall(stream.read())))
    answer = normalised(found(first), writes)
    return Checked(answer, len(repr(answer)), int(median(counts)))


def differences(one: object, other: object, path: str = "data") -> Iterator[str]:
    """Where two answers differ, and how."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differences(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
    elif isinstance(one, dict) and isinstance(other, dict):
        yield f"{path} has the keys {', '.join(one)} and {', '.join(other)}"
    elif isinstance(one, list) and isinstance(other, list):
        yield f"{path} has {len(one)} and {len(other)} members"
    elif one != other:
        yield f"{path} is {one!r:.100} and {other!r:.100}"


def compare(answers: Mapping[str, Checked], workload: str) -> None:
    """All against the first one; by the servers' titles. Raises BenchError."""
    (title, expected), *others = answers.items()
    for other, found in others:
        for difference in differences(expected.answer, found.answer):
            raise BenchError(f"{workload}: {title} and {other} do not answer alike: {difference}")


def normalised(value: object, anew: bool, key: str = "") -> object:
    """Without what each may write in its own way: the form of ids, of times and of cursors."""
    if isinstance(value, dict):
        kept = {name: item for name, item in value.items() if not (anew and name in MADE_ANEW)}
        return {name: normalised(item, anew and name != "owner", name) for name, item in sorted(kept.items())}
    if isinstance(value, list):
        return [normalised(item, anew) for item in value]
    if key == "endCursor":
        return value is not None
    if key in TIMES and isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC).isoformat(timespec="milliseconds")
    if key == "id" and isinstance(value, str):
        return _key(value)
    if key == "status" and isinstance(value, str):  # REST writes it small
        return value.upper()
    return value


def _key(id: str) -> str:
    """The UUID in a global id, or the id as it is."""
    try:
        return base64.b64decode(id, validate=True).decode().partition(":")[2] or id
    except (binascii.Error, UnicodeDecodeError):
        return id
