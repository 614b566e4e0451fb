"""The requests of the load: of ten callers seven create, get and put a feature, and three list twenty (R68).

Where ops/load asks one caller's requests one after the other, here they are prepared, so that a load generator need not
read answers: what is got and put are features that the caller had before.
"""

from collections.abc import Sequence

import orjson

from bench.contenders import OURS
from bench.request import COUNTER, Request
from bench.stage import Stage

PATH = "/api/v2/features"
CRUD, LISTS = 7, 3  # of ten callers
DESCRIPTION = "What it is for, in a sentence of the usual length."


def mixed(stage: Stage, run: str) -> list[Request]:
    """To be sent in turn, by as many callers as there are owners; `run` keeps names apart that two runs write."""
    found: list[Request] = []
    for number, (id, owner) in enumerate(stage.owned):
        bearer = OURS.authorization(stage, owner)
        if number % (CRUD + LISTS) < CRUD:
            found += _crud(id, bearer, run)
        else:
            found.append(Request("GET", f"{PATH}?first=20", authorization=bearer))
    return found


def _crud(id: str, bearer: str, run: str) -> Sequence[Request]:
    draft = orjson.dumps(_draft(f"Load {run} {COUNTER.decode()}"))
    return (
        Request("POST", PATH, draft, bearer),
        Request("GET", f"{PATH}/{id}", authorization=bearer),
        Request("PUT", f"{PATH}/{id}", draft, bearer),
    )


def _draft(name: str) -> dict[str, object]:
    return {"name": name, "description": DESCRIPTION, "metadata": {"category": "load", "tags": ["load", "write"]}}
