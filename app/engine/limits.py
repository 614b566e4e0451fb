"""Limits on the shape of a document, checked before validation, which may take exponential time on hostile ones (R27).

It must not need a schema, recurse, or do more work than the document has nodes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
)

MAX_COUNT = 10**9  # counts stop here: a fragment bomb's real number may have thousands of digits
INTROSPECTION = ("__schema", "__type")
INTROSPECTION_DEPTH = 15  # levels of the standard introspection query, allowed whatever the limit on depth

type Definition = OperationDefinitionNode | FragmentDefinitionNode
type Selecting = Definition | FieldNode | InlineFragmentNode  # what may have a selection set
type Fragments = Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True)
class Limits:
    """The most that one operation may have, fragments counted in every place where they are spread.

    A field at the root is one level deep; `directives` counts uses, not declarations. `document_bytes` are those of
    the whole text in UTF-8.
    """

    depth: int = 15
    aliases: int = 100
    root_fields: int = 20
    directives: int = 50
    fields: int = 2000
    document_bytes: int = 100_000


@dataclass(frozen=True, slots=True)
class Bound:
    limit: int
    measure: Callable[["Counts"], int]
    verb: str
    unit: str
    next_step: str  # these three make the message


@dataclass(slots=True)
class Counts:
    """Of one selection set and all below it. What is below introspection adds to `introspection`, not to `depth`."""

    depth: int = 0
    introspection: int = 0
    aliases: int = 0
    level: int = 0  # fields on its own level alone
    root_fields: int = 0  # the same, of an operation
    directives: int = 0
    fields: int = 0


NOTHING = Counts()


def check_limits(document: DocumentNode, limits: Limits) -> list[GraphQLError]:
    """One error per limit that is passed, at the definition that passes it by most; none for a good document.

    Unused fragments are held to the limits too, since validation reads them before it refuses them. The spread of an
    unknown fragment counts as nothing, and a cycle of fragments as if it ended where it closes: validation refuses
    both.
    """
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    every_fragment = [node for node in document.definitions if isinstance(node, FragmentDefinitionNode)]
    fragments = {node.name.value: node for node in every_fragment}
    used = {id(node) for node in bottom_up(operations, fragments)}
    counted = _count([*operations, *(node for node in every_fragment if id(node) not in used)], fragments)
    if not counted:
        return []
    errors = (_check(bound, counted) for bound in _bounds(limits))
    return [error for error in errors if error]


def check_length(text: str, limits: Limits) -> GraphQLError | None:
    """To be asked before the text is read at all."""
    limit = limits.document_bytes
    if len(text) * 4 <= limit or (found := len(text.encode())) <= limit:
        return None
    return GraphQLError(
        f"A document may have at most {limit} bytes; this one has {found}: pass values in variables, or split it.",
        extensions={"code": "QUERY_TOO_COMPLEX", "limit": limit, "found": found},
    )


def bottom_up(roots: Iterable[Definition], fragments: Fragments) -> Iterator[Selecting]:
    """Everything with a selection set that can be reached from `roots`, each once, what it selects before itself.

    In a cycle of fragments, what the closing spread selects has not come yet.
    """
    seen: set[int] = set()
    for root in roots:
        path: list[tuple[Selecting, Iterator[SelectionNode]]] = []
        _enter(root, path, seen)
        while path:
            node, rest = path[-1]
            for selection in rest:
                below = below_of(selection, fragments)
                if below is not None and _enter(below, path, seen):
                    break
            else:
                path.pop()
                yield node


def below_of(selection: SelectionNode, fragments: Fragments) -> Selecting | None:
    """What holds the selection set that is selected here; None for a leaf, and for the spread of an unknown
    fragment."""
    if isinstance(selection, FragmentSpreadNode):
        return fragments.get(selection.name.value)
    if isinstance(selection, FieldNode):
        return selection if selection.selection_set else None
    return selection if isinstance(selection, InlineFragmentNode) else None


def selections_of(node: Selecting) -> Sequence[SelectionNode]:
    return node.selection_set.selections if node.selection_set else ()


def _enter(node: Selecting, path: list[tuple[Selecting, Iterator[SelectionNode]]], seen: set[int]) -> bool:
    if id(node) in seen:  # by identity: the hash of a node is made of all its descendants
        return False
    seen.add(id(node))
    path.append((node, iter(selections_of(node))))
    return True


def _count(definitions: Sequence[Definition], fragments: Fragments) -> list[tuple[Definition, Counts]]:
    counts: dict[int, Counts] = {}
    for node in bottom_up(definitions, fragments):
        total = counts[id(node)] = Counts()
        for selection in selections_of(node):
            below = below_of(selection, fragments)
            _add(total, selection, counts.get(id(below), NOTHING) if below else NOTHING)
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            uses = [node.directives, *(variable.directives for variable in node.variable_definitions or ())]
            total.directives = min(total.directives + sum(len(found or ()) for found in uses), MAX_COUNT)
        if isinstance(node, OperationDefinitionNode):
            total.root_fields = total.level
    return [(definition, counts[id(definition)]) for definition in definitions]


def _add(total: Counts, selection: SelectionNode, below: Counts) -> None:
    depth, introspection, level, is_field, is_alias = below.depth, below.introspection, below.level, 0, 0
    if isinstance(selection, FieldNode):
        level = is_field = 1
        is_alias = 1 if selection.alias else 0
        if selection.name.value in INTROSPECTION:
            depth, introspection = 1, 1 + max(depth, introspection)
        else:
            depth, introspection = depth + 1, introspection + 1 if introspection else 0
    total.depth = max(total.depth, depth)
    total.introspection = max(total.introspection, introspection)
    total.level = min(total.level + level, MAX_COUNT)
    total.aliases = min(total.aliases + is_alias + below.aliases, MAX_COUNT)
    total.fields = min(total.fields + is_field + below.fields, MAX_COUNT)
    total.directives = min(total.directives + len(selection.directives or ()) + below.directives, MAX_COUNT)


def _bounds(limits: Limits) -> list[Bound]:
    spread = ", fragments counted wherever they are spread"
    introspection = max(limits.depth, INTROSPECTION_DEPTH)
    return [
        Bound(limits.depth, lambda counts: counts.depth, "be", "levels deep", "split it"),
        Bound(
            introspection, lambda counts: counts.introspection, "introspect", "levels deep", "ask for fewer `ofType`"
        ),
        Bound(limits.aliases, lambda counts: counts.aliases, "have", f"aliases{spread}", "split it"),
        Bound(limits.root_fields, lambda counts: counts.root_fields, "have", "fields at its root", "split it"),
        Bound(limits.directives, lambda counts: counts.directives, "have", f"directives{spread}", "split it"),
        Bound(limits.fields, lambda counts: counts.fields, "have", f"fields{spread}", "split it"),
    ]


def _check(bound: Bound, counted: Sequence[tuple[Definition, Counts]]) -> GraphQLError | None:
    worst, counts = max(counted, key=lambda one: bound.measure(one[1]))
    found = bound.measure(counts)
    if found <= bound.limit:
        return None
    number = f"more than {MAX_COUNT}" if found == MAX_COUNT else found
    return GraphQLError(
        f"An operation may {bound.verb} at most {bound.limit} {bound.unit}; this one has {number}: {bound.next_step}.",
        [worst],
        extensions={"code": "QUERY_TOO_COMPLEX", "limit": bound.limit, "found": found},
    )
