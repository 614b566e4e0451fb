"""The published catalogue in our words: what each shape becomes, and what holds for every feature."""

import json
import unicodedata
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from app.domain.audit.model import AuditEntry
from app.domain.feature.model import Feature
from app.seed.catalogue import Catalogue, read_catalogue
from app.seed.people import OWNERS
from app.seed.source import EDITION

SAMPLE = Path(__file__).parents[1] / "fixtures/catalogue.json"
REAL = Path(__file__).parents[2] / "web/node_modules/web-features/data.json"
PUBLISHED = datetime(2026, 9, 25, tzinfo=UTC)  # the day of the edition: nothing in it is later


@pytest.fixture(scope="module", params=[SAMPLE, REAL], ids=["sample", "real"])
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    """The real one needs `make web`; without it, CatalogueMissing says so."""
    return read_catalogue(request.param)


def feature_of(catalogue: Catalogue, key: str) -> Feature:
    return next(feature for feature in catalogue.features if feature.metadata.parse_object()["key"] == key)


def trail_of(catalogue: Catalogue, feature: Feature) -> list[AuditEntry]:
    return [entry for entry in catalogue.entries if entry.feature_id == feature.id]


def depth(found: object) -> int:
    inner = found.values() if isinstance(found, dict) else found if isinstance(found, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


# What each shape becomes.


def test_the_sample_has_twelve_features_and_its_redirects_are_none() -> None:
    catalogue = read_catalogue(SAMPLE)
    assert (len(catalogue.users), len(catalogue.features), len(catalogue.entries)) == (33, 12, 25)
    keys = {feature.metadata.parse_object()["key"] for feature in catalogue.features}
    assert not keys & {"masonry", "single-color-gradients"}


def test_the_real_catalogue_is_the_edition_that_entries_name_and_is_read_whole() -> None:
    catalogue = read_catalogue(REAL)
    package = json.loads(REAL.with_name("package.json").read_bytes())
    assert f"{package['name']} {package['version']}" == EDITION
    assert (len(catalogue.users), len(catalogue.features), len(catalogue.entries)) == (33, 1204, 2681)
    assert Counter(feature.status for feature in catalogue.features) == {"ACTIVE": 771, "INACTIVE": 376, "ARCHIVED": 57}
    assert {feature.owner_id for feature in catalogue.features} == {user.id for user in catalogue.users[: len(OWNERS)]}


@pytest.mark.parametrize(
    ("key", "status", "category", "tags", "history"),
    [
        (
            "array-at",
            "ACTIVE",
            "JavaScript",  # arrays < collections < javascript
            ["baseline-high", "arrays", "typed-arrays", "ecmascript-2022"],
            ["CREATE 2021-07-13", "ACTIVATE 2022-03-14", "UPDATE 2024-09-14"],
        ),
        (
            "abortsignal-timeout",
            "ACTIVE",
            "Web APIs",  # no group: by its compatibility data
            ["baseline-low"],
            ["CREATE 2022-05-03", "ACTIVATE 2024-04-18"],
        ),
        (
            "opacity-svg",
            "ACTIVE",
            "SVG",
            ["baseline-high", "svg"],
            ["CREATE 2005-11-29", "ACTIVATE 2020-03-24", "UPDATE 2022-09-24"],  # "≤2020-03-24", "≤2022-09-24"
        ),
        ("gamut-mapping", "INACTIVE", "Other", ["baseline-limited"], ["CREATE 2026-09-22"]),  # the catalogue's last day
        (
            "canvas-html",
            "INACTIVE",
            "HTML",
            ["baseline-limited", "html-elements", "canvas", "webgl", "webgpu"],
            ["CREATE 2026-09-22"],
        ),
        (
            "fencedframe",
            "ARCHIVED",
            "Web APIs",
            ["baseline-limited", "discouraged"],
            ["CREATE 2024-08-22", "ARCHIVE 2026-09-09"],  # removed on that day
        ),
        (
            "clip",
            "ARCHIVED",
            "Clipping, shapes, and masking",
            ["baseline-limited", "discouraged", "clipping-shapes-masking"],
            ["CREATE 2004-11-09", "ARCHIVE 2026-09-22"],  # discouraged, nobody knows since when
        ),
        (
            "import-assertions",
            "ARCHIVED",
            "JavaScript",
            ["baseline-limited", "discouraged", "js-modules"],
            ["CREATE 2024-05-14", "ARCHIVE 2024-06-13"],  # never shipped
        ),
    ],
)
def test_a_shape_has_its_status_category_tags_and_history(
    key: str, status: str, category: str, tags: list[str], history: list[str]
) -> None:
    catalogue = read_catalogue(SAMPLE)
    feature = feature_of(catalogue, key)
    assert (feature.status, feature.category, feature.tags) == (status, category, tags)
    assert [f"{entry.action} {entry.created_at.date()}" for entry in trail_of(catalogue, feature)] == history


def test_metadata_keeps_where_a_feature_is_specified_and_grouped() -> None:
    assert feature_of(read_catalogue(SAMPLE), "array-at").metadata.parse() == {
        "category": "JavaScript",
        "tags": ["baseline-high", "arrays", "typed-arrays", "ecmascript-2022"],
        "key": "array-at",
        "specifications": ["https://tc39.es/ecma262/multipage/indexed-collections.html#sec-array.prototype.at"],
        "groups": [["javascript", "collections", "arrays"], ["javascript", "collections", "typed-arrays"]],
        "compatibility": ["javascript.builtins.Array.at", "javascript.builtins.TypedArray.at"],
    }


def test_metadata_leaves_out_long_lists_of_compatibility_data() -> None:
    metadata = feature_of(read_catalogue(SAMPLE), "aborting").metadata.parse_object()
    assert metadata["caniuse"] == ["abortcontroller"]
    assert "compatibility" not in metadata


def test_the_reason_comes_into_the_metadata_with_the_archiving() -> None:
    catalogue = read_catalogue(SAMPLE)
    created, archived = trail_of(catalogue, feature_of(catalogue, "clip"))
    assert created.new_values and archived.new_values
    assert "discouraged" not in json.loads(created.new_values.text)["metadata"]
    assert json.loads(archived.new_values.text)["metadata"]["discouraged"] == {
        "reason": "The CSS Masking specification deprecated the clip property.",
        "accordingTo": ["https://drafts.csswg.org/css-masking-1/#clip-property"],
        "alternatives": ["clip-path"],
    }


# What holds for every feature.


def test_names_and_descriptions_keep_the_rules(catalogue: Catalogue) -> None:
    for feature in catalogue.features:
        assert feature.name == unicodedata.normalize("NFC", feature.name).strip()
        assert 1 <= len(feature.name) <= 255 and not any(unicodedata.category(c) == "Cc" for c in feature.name)
        assert feature.description is not None and len(feature.description) <= 2000
    assert len({feature.name for feature in catalogue.features}) == len(catalogue.features)


def test_metadata_keeps_the_rules(catalogue: Catalogue) -> None:
    for feature in catalogue.features:
        metadata = feature.metadata.parse_object()
        assert len(feature.metadata.text) <= 16 * 1024 and depth(metadata) <= 8
        assert rb"\u0000" not in feature.metadata.text
        assert metadata["category"] == feature.category and feature.category
        assert metadata["tags"] == feature.tags and len(set(feature.tags)) == len(feature.tags) > 0
        assert all(isinstance(tag, str) for tag in feature.tags)


def test_a_trail_is_without_gap_and_ends_in_the_feature(catalogue: Catalogue) -> None:
    for feature in catalogue.features:
        trail = trail_of(catalogue, feature)
        assert [entry.version for entry in trail] == list(range(1, feature.version + 1))
        assert (trail[0].action, trail[0].old_values) == ("CREATE", None)
        assert [entry.old_values for entry in trail[1:]] == [entry.new_values for entry in trail[:-1]]
        assert trail[-1].new_values and trail[-1].new_values.parse() == {
            "name": feature.name,
            "description": feature.description,
            "status": feature.status,
            "metadata": feature.metadata.parse(),
        }
        times = [entry.created_at for entry in trail]
        assert times == sorted(set(times)) and times[-1] < PUBLISHED
        assert (feature.created_at, feature.updated_at) == (times[0], times[-1])


def test_an_entry_says_what_differs_and_who_did_it(catalogue: Catalogue) -> None:
    owner_of = {feature.id: feature.owner_id for feature in catalogue.features}
    for entry in catalogue.entries:
        old = entry.old_values.parse_object() if entry.old_values else {}
        assert entry.new_values
        new = entry.new_values.parse_object()
        assert list(new) == ["name", "description", "status", "metadata"]
        assert entry.changed_fields == [field for field in new if old.get(field) != new[field]] != []
        assert entry.actor_id == entry.owner_id == owner_of[entry.feature_id]
        assert entry.metadata.parse() == {"requestId": "seed", "source": "web-features 3.40.0"}
        assert entry.created_at.utcoffset() == UTC.utcoffset(None)


def test_ids_are_of_version_7_and_each_is_used_once(catalogue: Catalogue) -> None:
    ids: list[UUID] = [user.id for user in catalogue.users]
    ids += [feature.id for feature in catalogue.features]
    ids += [entry.id for entry in catalogue.entries]
    assert len(set(ids)) == len(ids)
    assert {(id.version, id.variant) for id in ids} == {(7, "specified in RFC 4122")}


def test_no_owner_has_more_active_features_than_allowed(catalogue: Catalogue) -> None:
    active = Counter(feature.owner_id for feature in catalogue.features if feature.status == "ACTIVE")
    assert max(active.values()) <= 100


def test_users_of_every_role_were_there_before_their_features(catalogue: Catalogue) -> None:
    by_email = {user.email: user for user in catalogue.users}
    assert len(by_email) == 33
    for role in ("ADMIN", "MANAGER", "USER", "VIEWER"):
        assert by_email[f"{role.lower()}@example.com"].role == role
    assert by_email["user@example.com"].id in {feature.owner_id for feature in catalogue.features}
    created = {user.id: user.created_at for user in catalogue.users}
    assert all(created[feature.owner_id] < feature.created_at for feature in catalogue.features)
    assert all(user.email and user.email.endswith("@example.com") for user in catalogue.users)


def test_reading_twice_gives_the_same(catalogue: Catalogue) -> None:
    path = SAMPLE if len(catalogue.features) == 12 else REAL
    assert read_catalogue(path) == catalogue
