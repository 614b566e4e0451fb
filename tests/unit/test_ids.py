"""Global ids: one object has one, and no other text is an id."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.errors import BadUserInput
from app.kernel.ids import global_id, key_of, parse_global_id
from tests.fixtures.examples import examples

KEY = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
PATH = ("input", "id")


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_an_id_is_base64_of_the_noun_and_the_key() -> None:
    assert global_id("Feature", KEY) == packed("Feature:01890a5d-ac96-774b-bcce-b302099a8057")


@examples(100)
@given(st.sampled_from(["User", "Feature", "AuditEntry"]), st.uuids())
def test_an_id_gives_back_what_it_was_made_of(noun: str, key: UUID) -> None:
    assert parse_global_id(global_id(noun, key), PATH) == (noun, key)
    assert key_of(noun, global_id(noun, key), PATH) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1",
        "Feature",
        str(KEY),
        "größe",
        "\0",
        "\U0001f680",
        "====",
        packed("Feature"),
        packed("Feature:"),
        packed("Feature:1"),
        packed(f"Feature {KEY}"),
        packed(f"Feature:{KEY}:{KEY}"),
        packed(f"Feature:{KEY.hex}"),
        packed(f"Feature:{str(KEY).upper()}"),
        packed(f"Feature:{{{KEY}}}"),
        packed(f"Feature:urn:uuid:{KEY}"),
        packed(f"Feature: {KEY}"),
        packed(f"Feature:{KEY}\n"),
        global_id("Feature", KEY) + "\n",
        " " + global_id("Feature", KEY),
        global_id("Feature", KEY).rstrip("="),
        global_id("Feature", KEY) + "=",
        global_id("Feature", KEY)[:-4],
        base64.b64encode(b"Feature:\xff\xfe").decode(),
    ],
)
def test_what_is_no_id_is_refused_at_its_path(text: str) -> None:
    with pytest.raises(BadUserInput) as caught:
        parse_global_id(text, PATH)

    assert caught.value.message == "This is not an id of this API: give an `id` as a query returned it."
    assert caught.value.facts == {"argumentPath": ["input", "id"]}


@examples(200)
@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(BadUserInput):
        parse_global_id(text, PATH)


def test_the_id_of_another_type_is_refused() -> None:
    with pytest.raises(BadUserInput) as caught:
        key_of("User", global_id("Feature", KEY), PATH)

    assert caught.value.message == "This is the id of another type: User is asked for here."
    assert caught.value.path == PATH
