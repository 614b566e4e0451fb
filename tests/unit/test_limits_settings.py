"""Each limit on operations is a setting, exact at its bound; a refusal says the limit and what was found."""

from pathlib import Path

import pytest

from app.engine.operation import Engine, RequestError
from app.wiring import Wiring
from tests.fixtures.world import settings_for

DATABASE, REDIS = "postgresql://nobody@localhost:1/none", "redis://localhost:1"  # nothing connects until it must


def engine(folder: Path, setting: str, limit: int) -> Engine:
    return Wiring(settings_for(DATABASE, REDIS, folder, **{setting: limit})).engine


@pytest.mark.parametrize(
    ("setting", "limit", "good", "bad"),
    [
        ("max_depth", 5, "{ viewer { features { nodes { owner { id } } } } }", "{ ...F }"),
        ("max_aliases", 1, "{ a: viewer { id } }", "{ a: viewer { b: id } }"),
        ("max_root_fields", 1, "{ viewer { id name } }", "{ viewer { id } __typename }"),
        ("max_directives", 0, "{ viewer { id } }", "{ viewer { id @skip(if: false) } }"),
        ("max_fields", 100, "{ viewer { %s } }" % ("id " * 99), "{ viewer { %s } }" % ("id " * 100)),
        ("max_document_bytes", 1000, "{ viewer { id } }".ljust(1000), "{ viewer { id } } #".ljust(1000, "é")),
    ],
)
def test_a_limit_is_what_its_setting_says(tmp_path: Path, setting: str, limit: int, good: str, bad: str) -> None:
    deep = "fragment F on Query { viewer { features { nodes { owner { features { totalCount } } } } } }"
    limited = engine(tmp_path, setting, limit)

    limited.operation(good, None)
    with pytest.raises(RequestError) as refused:
        limited.operation(bad.replace("...F }", f"...F }} {deep}"), None)

    (error,) = refused.value.errors
    assert refused.value.phase == "limits"
    assert error.extensions
    assert error.extensions["limit"] == limit < error.extensions["found"]


def test_a_document_of_too_many_tokens_is_not_read_to_its_end(tmp_path: Path) -> None:
    limited = engine(tmp_path, "max_tokens", 100)

    limited.operation("{ viewer { %s } }" % ("id " * 94), None)
    with pytest.raises(RequestError) as refused:
        limited.operation("{ viewer { %s } }" % ("id " * 96), None)

    assert refused.value.phase == "parse"
    assert "100 tokens" in refused.value.errors[0].message
