"""The published catalogue when it changes: who then owns what, which ids stay, and what is refused."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.domain.audit.model import AuditEntry
from app.domain.feature.model import Feature
from app.seed.catalogue import Catalogue, CatalogueMissing, CatalogueUnfit, read_catalogue
from app.seed.people import OWNERS, PIECE, share_out

SAMPLE = Path(__file__).parents[1] / "fixtures/catalogue.json"

type Change = Callable[[Any], object]


def changed(folder: Path, change: Change) -> Catalogue:
    """The sample's catalogue after a change of its document."""
    document = json.loads(SAMPLE.read_bytes())
    change(document)
    path = folder / "data.json"
    path.write_text(json.dumps(document))
    return read_catalogue(path)


def feature_of(catalogue: Catalogue, key: str) -> Feature:
    return next(feature for feature in catalogue.features if feature.metadata.parse_object()["key"] == key)


def trail_of(catalogue: Catalogue, feature: Feature) -> list[AuditEntry]:
    return [entry for entry in catalogue.entries if entry.feature_id == feature.id]


# Who owns what.


def test_groups_stay_whole_where_they_fit_and_are_parted_evenly_where_not() -> None:
    group_of = {
        f"{group}{number}": group for group, size in (("a", PIECE), ("b", 2 * PIECE + 1)) for number in range(size)
    }
    owner_of = share_out(group_of)
    sizes = Counter((group, owner_of[key]) for key, group in group_of.items())
    assert sorted(sizes.items()) == [(("a", 0), 50), (("b", 1), 34), (("b", 2), 34), (("b", 3), 33)]


def test_the_next_group_goes_to_whoever_has_the_fewest_features() -> None:
    group_of = {f"{number:02}{letter}": f"{number:02}" for number in range(len(OWNERS)) for letter in "xy"}
    owner_of = share_out({**group_of, "late": "zz"})
    assert [owner_of[f"{number:02}x"] for number in range(len(OWNERS))] == list(range(len(OWNERS)))
    assert owner_of["late"] == 0


# Ids and names under change.


def test_ids_of_features_stay_when_the_next_edition_corrects_a_date_or_a_name(tmp_path: Path) -> None:
    def correct(document: Any) -> None:
        document["features"]["abbr"]["status"].update(baseline_low_date="2015-07-30", support={})
        document["features"]["abbr"]["name"] = "abbr"

    before, after = read_catalogue(SAMPLE), changed(tmp_path, correct)
    assert [feature.id for feature in after.features] == [feature.id for feature in before.features]
    assert [feature.created_at for feature in after.features] != [feature.created_at for feature in before.features]
    assert [user.id for user in after.users] == [user.id for user in before.users]


def test_of_equal_names_the_later_one_says_its_key(tmp_path: Path) -> None:
    catalogue = changed(tmp_path, lambda document: document["features"]["clip"].update(name=" <abbr>\t"))
    assert feature_of(catalogue, "abbr").name == "<abbr>"
    assert feature_of(catalogue, "clip").name == "<abbr> (clip)"


def test_long_texts_are_cut_to_what_a_feature_may_have(tmp_path: Path) -> None:
    catalogue = changed(
        tmp_path, lambda document: document["features"]["clip"].update(name="n" * 300, description="d" * 2001)
    )
    feature = feature_of(catalogue, "clip")
    assert (feature.name, feature.description) == ("n" * 255, "d" * 1999 + "…")


def test_a_removal_that_is_only_announced_is_dated_at_the_catalogues_end(tmp_path: Path) -> None:
    catalogue = changed(
        tmp_path, lambda document: document["features"]["fencedframe"]["discouraged"].update(removal_date="2029-12-31")
    )
    assert feature_of(catalogue, "fencedframe").updated_at == datetime(2026, 9, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("support", "created"),
    [
        ({"chrome": "92"}, "2015-07-28"),  # which came out in 2021: a feature is created before its first date
        ({"chrome": "2", "firefox": "unheard-of"}, "2009-05-21"),
        ({"chrome": "≤2"}, "2009-05-21"),
        ({}, "2015-06-29"),
    ],
)
def test_a_feature_is_created_when_it_first_shipped_and_before_its_first_date(
    tmp_path: Path, support: dict[str, str], created: str
) -> None:
    catalogue = changed(tmp_path, lambda document: document["features"]["abbr"]["status"].update(support=support))
    assert str(feature_of(catalogue, "abbr").created_at.date()) == created


def test_what_was_baseline_and_is_discouraged_keeps_its_mark_and_goes_from_active_to_archived(tmp_path: Path) -> None:
    notice = {"reason": "r", "according_to": [], "removal_date": "2010-01-01"}  # older than its other dates
    catalogue = changed(tmp_path, lambda document: document["features"]["abbr"].update(discouraged=notice))
    feature = feature_of(catalogue, "abbr")
    assert (feature.status, feature.tags) == ("ARCHIVED", ["baseline-high", "discouraged", "html-elements"])
    assert [f"{entry.action} {entry.created_at.date()}" for entry in trail_of(catalogue, feature)] == [
        "CREATE 2004-11-09",
        "ACTIVATE 2015-07-29",
        "UPDATE 2018-01-29",
        "ARCHIVE 2018-01-30",  # time only goes forward
    ]


# What is refused.


def test_a_missing_file_is_told_in_one_line_that_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(CatalogueMissing) as refused:
        read_catalogue(tmp_path / "data.json")
    assert str(refused.value) == f"{tmp_path}/data.json is not there: run `make web`, which installs the catalogue."


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda document: document.pop("groups"), "groups: Field required"),
        (lambda document: document["features"]["abbr"].pop("name"), "features.abbr.feature.name: Field required"),
        (lambda document: document["features"]["abbr"].update(kind="merged"), "features.abbr: Input tag 'merged'"),
        (lambda document: document["features"]["abbr"]["status"].update(baseline="mid"), "status.baseline"),
        (lambda document: document["features"]["abbr"]["status"].update(baseline_low_date="soon"), "baseline_low_date"),
        (lambda document: document["features"]["abbr"]["status"].pop("baseline_low_date"), "'abbr' is Baseline and"),
        (lambda document: document["features"]["abbr"]["status"].pop("baseline_high_date"), "'abbr' is Baseline high"),
        (lambda document: document["features"]["abbr"].update(group=["nowhere"]), "no group 'nowhere'"),
        (lambda document: document["groups"]["html"].update(parent="html-elements"), "is below itself"),
        (lambda document: document["features"]["abbr"].update(name=" \t "), "'abbr' has no name"),
        (lambda document: document["features"]["abbr"].update(description="\0"), "NUL"),
        (lambda document: document["features"]["abbr"].update(spec=["s" * 17_000]), "16384 bytes of metadata"),
        (lambda document: document.update(features={}), "holds no features"),
        (lambda document: document.update(browsers={}), "no releases of browsers"),
        (
            lambda document: document["features"].update(
                {f"abbr-{number}": document["features"]["abbr"] for number in range(3000)}
            ),
            "too many features for 30 owners of 100 each",
        ),
    ],
)
def test_a_file_of_another_shape_is_refused_with_the_place(tmp_path: Path, change: Change, complaint: str) -> None:
    with pytest.raises(CatalogueUnfit) as refused:
        changed(tmp_path, change)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text("<html>")
    with pytest.raises(CatalogueUnfit, match="the file: Invalid JSON"):
        read_catalogue(path)
