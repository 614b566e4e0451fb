"""What is asked: four operations, the same text for all who serve the same schema, and each request's variables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from bench.request import COUNTER, Request

BRIEF = "id name status version createdAt owner { id name }"
PERSON = "{ id: rowId name }"  # PostGraphile's schema has names of its own
ITS_BRIEF = f"id: rowId name status version createdAt owner: userByOwnerId {PERSON}"
NEWEST = "orderBy: [CREATED_AT_DESC, ROW_ID_DESC]"


@dataclass(frozen=True)
class Workload:
    """`postgraphile` selects the same by its own schema's names."""

    name: str
    title: str
    text: str
    postgraphile: str
    writes: bool = False


W1 = Workload(
    "W1",
    "one feature with its owner",
    f"query W1($id: ID!) {{ feature(id: $id) {{ {BRIEF} }} }}",
    f"query W1($id: UUID!) {{ feature: featureByRowId(rowId: $id) {{ {ITS_BRIEF} }} }}",
)
W2 = Workload(
    "W2",
    "twenty features, each with its owner and its five newest entries, each with its actor",
    """query W2 { features(first: 20) { pageInfo { hasNextPage endCursor } nodes { id name status owner { id name }
  auditEntries(first: 5) { nodes { id action createdAt actor { id name } } } } } }""",
    f"""query W2 {{ features: allFeatures(first: 20, {NEWEST}) {{ pageInfo {{ hasNextPage endCursor }}
  nodes {{ id: rowId name status owner: userByOwnerId {PERSON}
  auditEntries: auditEntriesByFeatureId(first: 5, {NEWEST}) {{
  nodes {{ id: rowId action createdAt actor: userByActorId {PERSON} }} }} }} }} }}""",
)
W3 = Workload(
    "W3",
    "a hundred features, eight scalars each",
    """query W3 { features(first: 100) { nodes {
  id name description status version category createdAt updatedAt } } }""",
    f"""query W3 {{ features: allFeatures(first: 100, {NEWEST}) {{ nodes {{
  id: rowId name description status version category createdAt updatedAt }} }} }}""",
)
W4 = Workload(
    "W4",
    "create a feature, with its audit entry",
    f"mutation W4($input: CreateFeatureInput!) {{ createFeature(input: $input) {{ feature {{ {BRIEF} }} }} }}",
    f"""mutation W4($input: BenchAddFeatureInput!) {{ createFeature: benchAddFeature(input: $input) {{
  feature: result {{ {ITS_BRIEF} }} }} }}""",
    writes=True,
)
WORKLOADS: Mapping[str, Workload] = {workload.name: workload for workload in (W1, W2, W3, W4)}


@dataclass(frozen=True)
class Ids:
    """Of the rows that requests name, in the form that a server takes."""

    features: Sequence[str]
    owners: Sequence[str]


def requests(workload: Workload, text: str, ids: Ids, run: str, authorization: str) -> list[Request]:
    """To be sent in turn; `run` keeps the names apart that two runs write."""
    variables: Sequence[dict[str, object]] = [{}]
    if workload is W1:
        variables = [{"id": id} for id in ids.features]
    elif workload is W4:
        variables = [{"input": _draft(owner_id, run)} for owner_id in ids.owners]
    return [asked(text, workload.name, each, authorization) for each in variables]


def asked(text: str, operation: str, variables: Mapping[str, object], authorization: str) -> Request:
    body = orjson.dumps({"query": text, "operationName": operation, "variables": variables})
    return Request("POST", "/graphql", body, authorization)


def _draft(owner_id: str, run: str) -> dict[str, object]:
    return {
        "ownerId": owner_id,
        "name": f"Bench {run} {COUNTER.decode()}",
        "description": "What it is for, in a sentence of the usual length.",
        "metadata": {"category": "bench", "tags": ["load", "write"]},
    }
