"""Our verdicts on changes of the schema beside others': graphql-core's finder and graphql-inspector (npm), over pairs
of schemas made of our own. Where they differ, it is said why."""

import json
import subprocess
from collections.abc import Iterable
from datetime import date

from graphql.utilities.find_schema_changes import find_schema_changes

from app.contract.change import Severity, worst
from app.contract.finders import SEVERITIES
from app.contract.graphql_changes import graphql_changes
from tests.fixtures.node import CLIENTS, find_node
from tests.fixtures.schema_pairs import Pair, pairs

TODAY = date(2026, 11, 20)
SAFE, DANGEROUS, BREAKING = Severity
OF_INSPECTOR = {"BREAKING": BREAKING, "DANGEROUS": DANGEROUS, "NON_BREAKING": SAFE}

type Verdicts = tuple[Severity, Severity, Severity]  # ours, graphql-core's, the inspector's
type Difference = tuple[tuple[str, ...], Verdicts]  # what we found; the verdicts

EXPLAINED: dict[Difference, str] = {
    (("ARG_CHANGED_KIND",), (DANGEROUS, BREAKING, BREAKING)): "of a directive that no operation can use",
    (
        ("OPTIONAL_DIRECTIVE_ARG_ADDED",),
        (SAFE, SAFE, BREAKING),
    ): "it has a default: who leaves it out means what he meant",
    (
        ("ARG_DEFAULT_VALUE_ADDED",),
        (DANGEROUS, SAFE, DANGEROUS),
    ): "who left it out said nothing, and now says that value",
    (("INPUT_FIELD_DEFAULT_VALUE_ADDED",), (DANGEROUS, SAFE, DANGEROUS)): "likewise",
    (("INPUT_FIELD_DEFAULT_VALUE_ADDED",), (SAFE, SAFE, DANGEROUS)): "likewise, of one that was required",
    (
        ("BECAME_REQUIRED", "INPUT_FIELD_DEFAULT_VALUE_CHANGE"),
        (BREAKING, DANGEROUS, DANGEROUS),
    ): "non-null without its default: who leaves it out is refused",
    (
        ("OPTIONAL_INPUT_FIELD_ADDED",),
        (DANGEROUS, DANGEROUS, SAFE),
    ): "as graphql-core has it: a server of the old version, still there while the new one rolls out, refuses it",
    (("ARG_DEFAULT_VALUE_ADDED",), (SAFE, SAFE, DANGEROUS)): "it was required: nobody left it out",
    (
        ("ARG_DEFAULT_VALUE_CHANGE", "BECAME_REQUIRED"),
        (BREAKING, DANGEROUS, DANGEROUS),
    ): "non-null without its default: who leaves it out is refused",
    (("DEPRECATED_WITHOUT_DATE",), (DANGEROUS, SAFE, SAFE)): "a rule of ours: a deprecation names its day",
    (("DEPRECATED_WITHOUT_DATE", "FIELD_ADDED"), (DANGEROUS, SAFE, SAFE)): "likewise",
    (("VALUE_ADDED_TO_ENUM",), (SAFE, DANGEROUS, DANGEROUS)): "of an enum that no field gives",
    (("FIELD_REMOVED",), (DANGEROUS, BREAKING, BREAKING)): "it was deprecated, and its day is over",
    (("BECAME_ONE_OF",), (BREAKING, SAFE, BREAKING)): "graphql-core does not look at @oneOf",
    (("SPECIFIED_BY_CHANGED",), (DANGEROUS, SAFE, DANGEROUS)): "nor at @specifiedBy",
    (("COST_CHANGED",), (DANGEROUS, SAFE, DANGEROUS)): "nor at directives of others: it costs more",
    (("COST_CHANGED",), (SAFE, SAFE, DANGEROUS)): "the inspector does not know what @cost means: it costs less",
    (("LIST_SIZE_CHANGED",), (DANGEROUS, SAFE, DANGEROUS)): "as with @cost",
    (("LIST_SIZE_CHANGED",), (SAFE, SAFE, DANGEROUS)): "as with @cost",
    (("DIRECTIVE_REPEATABLE_REMOVED",), (BREAKING, BREAKING, DANGEROUS)): "operations that repeat it do not validate",
    (("ROOT_CHANGED",), (BREAKING, SAFE, BREAKING)): "graphql-core does not look at the roots",
}


def of_inspector(corpus: Iterable[Pair]) -> list[Severity]:
    found = subprocess.run(
        [find_node(), CLIENTS / "diff.mjs"],
        input=json.dumps([pair.texts for pair in corpus]),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return [max((OF_INSPECTOR[one["level"]] for one in changes), default=SAFE) for changes in json.loads(found.stdout)]


def of_graphql_core(pair: Pair) -> Severity:
    return max((SEVERITIES[type(one.type)] for one in find_schema_changes(pair.old, pair.new)), default=SAFE)


def test_verdicts_are_those_of_others_but_where_it_is_explained() -> None:
    corpus = pairs()
    differences: dict[Difference, str] = {}
    for pair, inspector in zip(corpus, of_inspector(corpus), strict=True):
        changes = graphql_changes(pair.old, pair.new, TODAY)
        assert changes, pair
        verdicts = (worst(changes), of_graphql_core(pair), inspector)
        if len(set(verdicts)) > 1:
            codes = tuple(sorted({change.code for change in changes}))
            differences.setdefault((codes, verdicts), f"{pair.act} {pair.where}")
    assert len(corpus) > 200
    assert {key: where for key, where in differences.items() if key not in EXPLAINED} == {}
    assert set(EXPLAINED) - set(differences) == set()
