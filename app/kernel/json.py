"""JSON as it travels: text that passes from the database to the answer without being parsed on the way."""

from collections.abc import Mapping

import orjson


class Json:
    """The UTF-8 text of one JSON value. No dataclass: orjson would write one as an object."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Json({self.text!r})"

    def __eq__(self, other: object) -> bool:
        """The same text: what it says is compared by `parse`."""
        return isinstance(other, Json) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def parse(self) -> object:
        return orjson.loads(self.text)

    def parse_object(self) -> Mapping[str, object]:
        """Raises TypeError where the text holds no object."""
        document = self.parse()
        if not isinstance(document, dict):
            raise TypeError("a JSON object is expected")
        return document


def dump(document: object) -> Json:
    """Json inside `document` is embedded as it is. Raises TypeError for what is not JSON."""
    return Json(orjson.dumps(document, default=embed))


def embed(found: object) -> orjson.Fragment:
    """The `default` of orjson: what it does not know must be Json. Raises TypeError otherwise."""
    if isinstance(found, Json):
        return orjson.Fragment(found.text)
    raise TypeError(f"{type(found).__name__} is not JSON")


def alike(one: object, other: object) -> bool:
    """Do two parsed documents say the same? `==` would take 1 for true; 1 and 1.0 are one number."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def merge_patch(target: object, patch: object) -> object:
    """The target as the patch wants it (JSON Merge Patch, RFC 7396 §2); both are parsed, and neither is altered."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, wanted in patch.items():
        if wanted is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), wanted)
    return merged
