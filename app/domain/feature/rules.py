"""What makes a feature valid, where its status may lead, and who may do what with it (R1, R7, R23)."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import chain
from typing import Literal

import orjson

from app.domain.feature.model import Feature, FeatureStatus
from app.kernel.actor import Actor, Grants, Reach, Role
from app.kernel.errors import BadUserInput, InvalidTransition, Path, Problem
from app.kernel.ids import UserId

MAX_DESCRIPTION = 2000  # characters
MAX_METADATA = 16 * 1024  # bytes of compact JSON
MAX_DEPTH = 8  # the object itself is 1
MAX_LABEL = 255  # characters of a category or tag: they are indexed, and an index takes no more than 2,700 bytes
MAX_SEARCH = 500  # characters
MAX_LABELS = 100  # of one list in a filter

type Permission = Literal["READ", "UPDATE", "ARCHIVE", "DELETE", "RESTORE", "REVERT"]

READ = Grants("features:read", {"VIEWER": Reach.ANY, "USER": Reach.OWN, "MANAGER": Reach.ANY, "ADMIN": Reach.ANY})
CREATE = Grants("features:create", {"USER": Reach.OWN, "MANAGER": Reach.OWN, "ADMIN": Reach.ANY})
CHANGE: Mapping[Role, Reach] = {"USER": Reach.OWN, "MANAGER": Reach.ANY, "ADMIN": Reach.ANY}
GRANTS: Mapping[Permission, Grants] = {
    "READ": READ,
    "UPDATE": Grants("features:update", CHANGE),
    "ARCHIVE": Grants("features:archive", CHANGE),
    "DELETE": Grants("features:delete", CHANGE),
    "RESTORE": Grants("features:restore", CHANGE),
    "REVERT": Grants("features:revert", CHANGE),
}

EVERY = (READ, CREATE, *GRANTS.values())

TRANSITIONS: Mapping[FeatureStatus, frozenset[FeatureStatus]] = {
    "ACTIVE": frozenset({"INACTIVE", "ARCHIVED"}),
    "INACTIVE": frozenset({"ACTIVE", "ARCHIVED"}),
    "ARCHIVED": frozenset({"ACTIVE"}),
    "DELETED": frozenset(),
}


def permissions(actor: Actor, owner_id: UserId) -> list[Permission]:
    """What the actor may do with a feature of that owner, whatever its status."""
    return [permission for permission, grants in GRANTS.items() if actor.may(grants, owner_id)]


def check_transition(feature: Feature, target: FeatureStatus) -> None:
    """Raises InvalidTransition. Staying as it is is no transition, and fine."""
    if target != feature.status and target not in TRANSITIONS[feature.status]:
        raise InvalidTransition(feature.status, target)


def clean_description(description: str | None, problems: list[Problem]) -> str | None:
    path = ("description",)
    if description is None:
        return None
    if len(description) > MAX_DESCRIPTION:
        text = f"`description` must have at most {MAX_DESCRIPTION} characters."
        problems.append(Problem(path, "MAX_LENGTH", text, MAX_DESCRIPTION))
    elif "\0" in description:
        problems.append(Problem(path, "FORMAT", "`description` must not contain the character NUL."))
    return description


def clean_metadata(metadata: object, problems: list[Problem]) -> Mapping[str, object]:
    """A JSON object whose `category`, if any, is a string, and whose `tags`, if any, are a list of strings, none
    of them longer than MAX_LABEL."""
    path = ("metadata",)
    metadata = clean_object(metadata, problems)
    category, tags = metadata.get("category", ""), metadata.get("tags", [])
    if not isinstance(category, str):
        problems.append(Problem((*path, "category"), "TYPE", "`metadata.category` must be a string."))
    elif len(category) > MAX_LABEL:
        text = f"`metadata.category` must have at most {MAX_LABEL} characters."
        problems.append(Problem((*path, "category"), "MAX_LENGTH", text, MAX_LABEL))
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        problems.append(Problem((*path, "tags"), "TYPE", "`metadata.tags` must be a list of strings."))
    elif any(len(tag) > MAX_LABEL for tag in tags):
        text = f"Each of `metadata.tags` must have at most {MAX_LABEL} characters."
        problems.append(Problem((*path, "tags"), "MAX_LENGTH", text, MAX_LABEL))
    return metadata


def clean_object(metadata: object, problems: list[Problem]) -> Mapping[str, object]:
    """A JSON object that can be kept, whatever its fields."""
    if not isinstance(metadata, dict):
        problems.append(Problem(("metadata",), "TYPE", "`metadata` must be a JSON object."))
        return {}
    if (fault := _json_fault(metadata)) is not None:
        problems.append(fault)
        return {}
    return metadata


def clean_search(text: str | None, path: Path) -> str | None:
    """None where there is nothing to search for. Raises BadUserInput."""
    if text is None or not text.strip():
        return None
    if len(text) > MAX_SEARCH or "\0" in text:
        message = f"`{path[-1]}` must have at most {MAX_SEARCH} characters, and none of them NUL."
        raise BadUserInput(message, path)
    return text


def clean_labels(labels: tuple[str, ...] | None, path: Path) -> tuple[str, ...] | None:
    """Of a filter, any of which will do. Raises BadUserInput."""
    if labels is not None and (len(labels) > MAX_LABELS or any("\0" in label for label in labels)):
        raise BadUserInput(f"`{path[-1]}` must have at most {MAX_LABELS} items, without NUL.", path)
    return labels


def _json_fault(metadata: dict[str, object]) -> Problem | None:
    """Level by level, so that it is linear and no depth exhausts the stack; the size is asked only of what is flat."""
    path = ("metadata",)
    level: list[object] = [metadata]
    depth = swelling = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            text = f"`metadata` must not be nested deeper than {MAX_DEPTH} levels."
            return Problem(path, "RANGE", text, MAX_DEPTH)
        below: list[object] = []
        broken = too_wide = False
        for found in chain.from_iterable(map(_inside, level)):
            if isinstance(found, str):
                broken = broken or "\0" in found
            elif isinstance(found, dict | list):
                below.append(found)
            elif isinstance(found, int | float):
                too_wide = too_wide or not _fits(found)
                swelling += 0 if too_wide or isinstance(found, int) else _swelling(found)
        if broken:
            return Problem(path, "FORMAT", "`metadata` must not contain the character NUL.")
        if too_wide:
            return Problem(path, "RANGE", "`metadata` must not hold numbers beyond 64 bits.")
        level = below
    size = len(orjson.dumps(metadata)) + swelling
    if size > MAX_METADATA:
        text = f"`metadata` must have at most {MAX_METADATA} bytes as JSON; it has {size}."
        return Problem(path, "MAX_LENGTH", text, MAX_METADATA)
    return None


def _fits(number: float) -> bool:
    """In 64 bits. A float at the lower end is an integer beyond it, which the parser has rounded."""
    return (number > -(2**63) if isinstance(number, float) else number >= -(2**63)) and number < 2**64


def _swelling(number: float) -> int:
    """By how many characters it grows in the database, which keeps no exponents: 5e-324 takes 326 of them."""
    return len(f"{Decimal(repr(number)):f}") - len(repr(number))


def _inside(value: object) -> Iterable[object]:
    """Keys and values of an object, items of a list."""
    if isinstance(value, dict):
        return chain(value, value.values())
    return value if isinstance(value, list) else ()
