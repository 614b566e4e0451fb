"""Documents that are kept take bounded memory, whatever they are, and what is forgotten is free at once."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

import pytest
from graphql import Token

from app.engine.limits import Limits
from app.engine.operation import Engine, RequestError
from app.resolvers.root import core, costs

LIMITS = Limits(depth=15, aliases=100, root_fields=20, directives=50, fields=2_000, document_bytes=100_000)
FIELDS = "id name description status metadata category tags version createdAt updatedAt deletedAt"
ROOTS = " ".join(f"r{number}: features {{ nodes {{ ...F owner {{ id }} }} }}" for number in range(6))
KINDS: dict[str, Callable[[int], str]] = {
    "a page": lambda number: (
        f"query Q{number} {{ features(first: 2) {{ nodes {{ id a{number}: name owner {{ name }} }} }} }}"
    ),
    "short words": lambda number: (
        f"{{ a{number}: features {{ nodes {{ {' '.join(f'b{n}:id' for n in range(60))} }} }} }}"
    ),
    "one fragment in many places": lambda number: (
        f"{{ a{number}: __typename {ROOTS} }} fragment F on Feature {{ {FIELDS} }}"
    ),
    "many plans": lambda number: (
        f"""query Q{number}($a: Boolean!, $b: Boolean!) {{ a: __typename @skip(if: $a)
            b: __typename @skip(if: $b) {ROOTS} }} fragment F on Feature {{ {FIELDS} }}"""
    ),
    "an interface": lambda number: (
        f'{{ a{number}: node(id: "x") {{ id ... on Feature {{ {FIELDS} }} ... on User {{ name email }} }} }}'
    ),
    "many errors": lambda number: f"{{ a{number}: features {{ nodes {{ {' '.join(f'b{n}' for n in range(60))} }} }} }}",
    "no GraphQL": lambda number: f"{{ a{number}: features {{ nodes {{ id }} }} {'x' * 500} @@ }}",
    "too many aliases": lambda number: f"{{ {' '.join(f'a{n + number}: __typename' for n in range(101))} }}",
    "a long text": lambda number: f'{{ a{number}: node(id: "{"é" * 5_000}") {{ id }} }}',
}


def use(engine: Engine, text: str) -> None:
    """All plans that there may be are made."""
    try:
        operation = engine.operation(text, None)
    except RequestError:
        return
    assert operation.plans
    names = [definition.variable.name.value for definition in operation.definition.variable_definitions or ()]
    for values in product((True, False), repeat=len(names)):
        coerced = operation.plans.variables.coerce(dict(zip(names, values, strict=True)))
        assert not isinstance(coerced, list)
        assert operation.plans.plan(coerced) is not None


# Names of methods that validation looks up, which Python's own cache of attributes keeps, now these, now those.
NOISE = ("graphql/language/visitor.py", "graphql/utilities/type_info.py")


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Bytes that were allocated since, and are in use."""

    def in_use() -> int:
        gc.collect()
        found = tracemalloc.take_snapshot().statistics("filename")
        return sum(of.size for of in found if not of.traceback[0].filename.endswith(NOISE))

    tracemalloc.start()
    try:
        yield in_use
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_documents_are_counted_as_what_they_take(kind: str) -> None:
    with traced() as in_use:
        engine = Engine(core, costs, LIMITS, 3_000, cached=10**9)
        for number in range(2):  # what is made once, whatever comes
            use(engine, KINDS[kind](number))
        taken, counted = -in_use(), -engine.documents.bytes
        for number in range(2, 6):
            use(engine, KINDS[kind](number))
        taken, counted = taken + in_use(), counted + engine.documents.bytes
    assert 0.85 * taken < counted < 2 * taken


@pytest.mark.parametrize("kind", ["a page", "many plans", "many errors"])
def test_memory_is_bounded_however_many_documents_come(kind: str) -> None:
    with traced() as in_use:
        engine = Engine(core, costs, LIMITS, 3_000, cached=200_000)
        use(engine, "{ a: __typename }")
        before = in_use()
        for number in range(10):
            use(engine, KINDS[kind](number))
            assert engine.documents.bytes <= 200_000
        assert in_use() - before < 260_000


def test_what_is_forgotten_waits_for_no_collector() -> None:
    engine = Engine(core, costs, LIMITS, 3_000, cached=10**9)
    texts = [kind(0) for kind in KINDS.values()]
    for text in texts:
        use(engine, text)
    gc.collect()  # of what validation leaves behind
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for text in texts:
            engine.documents.grow(text, 10**9)
        assert engine.documents.bytes == 0
        gc.collect()
        assert gc.garbage == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_reading_leaves_no_token_to_the_collector() -> None:
    engine = Engine(core, costs, LIMITS, 3_000, cached=0)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for kind in KINDS.keys() - {"no GraphQL"}:  # of that no tree is made, from which the chain could be had
            use(engine, KINDS[kind](0))
        gc.collect()
        assert [found for found in gc.garbage if isinstance(found, Token)] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_the_latest_are_kept_and_one_that_is_too_large_drives_out_none() -> None:
    page, large = KINDS["a page"], KINDS["many plans"](0)
    engine = Engine(core, costs, LIMITS, 3_000, cached=150_000)
    first = engine.operation(page(0), None)
    for number in range(1, 40):
        engine.operation(page(number), None)
        assert engine.operation(page(0), None) is first
    assert engine.documents.get(page(1)) is None
    use(engine, large)
    assert engine.documents.get(large) is None
    assert engine.operation(page(0), None) is first
