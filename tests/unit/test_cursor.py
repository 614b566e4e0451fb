"""A cursor gives back the position it was made of, in its own order; any other text is refused at its argument."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.audit.model import ORDER as ENTRIES
from app.domain.feature.model import FeatureOrder
from app.domain.user.model import ORDER as USERS
from app.kernel.cursor import Position, decode_cursor, encode_cursor
from app.kernel.errors import BadUserInput
from tests.fixtures.connections import crafted
from tests.fixtures.examples import examples

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
AT = datetime(2026, 1, 31, 12, 30, 15, 123456, UTC)
BY_TIME, BY_NAME = "Feature.CREATED_AT.DESC", "Feature.NAME.ASC"
ORDERS = [
    *(
        FeatureOrder(field, way).name
        for field in ("CREATED_AT", "UPDATED_AT", "NAME", "STATUS")
        for way in ("ASC", "DESC")
    ),
    ENTRIES,
    USERS,
]


def packed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def refused(text: str, order: str = BY_TIME, temporal: bool = True) -> BadUserInput:
    with pytest.raises(BadUserInput) as caught:
        decode_cursor(text, order, temporal, "after")
    assert caught.value.path == ("after",)
    assert caught.value.facts == {"argumentPath": ["after"]}
    return caught.value


def test_its_text_is_versioned_and_says_the_order_the_id_and_the_value() -> None:
    text = base64.urlsafe_b64decode(encode_cursor(BY_TIME, AT, ID)).decode()

    assert text == "1|bde2c54a|Feature.CREATED_AT.DESC|01890a5dac96774bbcceb302099a8057|1769862615123456"


@examples(200)
@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
@example(datetime.min.replace(tzinfo=UTC), ID)
@example(datetime.max.replace(tzinfo=UTC), ID)
@example(datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), ID)
def test_a_time_comes_back_to_the_microsecond(at: datetime, id: UUID) -> None:
    assert decode_cursor(encode_cursor(BY_TIME, at, id), BY_TIME, True, "after") == Position(at, id)


@examples(200)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=255), st.uuids())
@example("a|b||c", ID)
@example("|", ID)
@example("grüße 中文 \U0001f680 e\u0301", ID)
@example("", ID)
def test_a_name_comes_back_as_it_was(name: str, id: UUID) -> None:
    assert decode_cursor(encode_cursor(BY_NAME, name, id), BY_NAME, False, "after") == Position(name, id)


def test_an_instant_has_one_cursor_in_every_time_zone() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))

    assert encode_cursor(BY_TIME, elsewhere, ID) == encode_cursor(BY_TIME, AT, ID)


def test_an_order_says_what_is_listed() -> None:
    assert FeatureOrder().name == BY_TIME
    assert (ENTRIES, USERS) == ("AuditEntry.CREATED_AT.DESC", "User.CREATED_AT.ASC")


def test_no_cursor_is_no_position() -> None:
    assert decode_cursor(None, BY_TIME, True, "after") is None


@pytest.mark.parametrize("made_in", ORDERS)
def test_a_cursor_of_one_order_is_refused_in_every_other(made_in: str) -> None:
    cursor = encode_cursor(made_in, "ACTIVE" if "NAME" in made_in or "STATUS" in made_in else AT, ID)

    others = [order for order in ORDERS if order != made_in]
    assert len(others) == 9
    for order in others:
        error = refused(cursor, order, temporal="_AT" in order)
        assert error.message == f"This cursor is of another list or order than {order}: start again without it."


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "garbage",
        "not base64!",
        "MQ",  # without padding
        "MQ==",
        "größe",
        "\U0001f680",
        "\0",
        "=",
        "A" * 100_000,
        base64.urlsafe_b64encode(b"\xff\xfe|\x80").decode(),  # no UTF-8
        packed("1"),
        packed(f"1|00000000|Feature.CREATED_AT.DESC|{ID.hex}|1"),  # with another checksum
        packed(f"1|Feature.CREATED_AT.DESC|{ID.hex}|1"),  # with none
        crafted("Feature.CREATED_AT.DESC"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|soon"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|1.5"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|1e9"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|+1"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}| 1"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|01"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|1_000"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|٣"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|1|2"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|253402300800000000"),  # the first microsecond of the year 10000
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|-62135596800000001"),  # the last one before the year 1
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|{'9' * 100}"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|{'9' * 5000}"),
        crafted(f"Feature.CREATED_AT.DESC|{ID}|1"),  # an id with hyphens
        packed(f"1|Feature.CREATED_AT.DESC|{ID.hex.upper()}|1"),
        crafted("Feature.CREATED_AT.DESC||1"),
        crafted("Feature.CREATED_AT.DESC|01890a5d|1"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|1", "0"),  # another version
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|1", "2"),
        crafted(f"Feature.CREATED_AT.DESC|{ID.hex}|1", ""),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    assert refused(text).message.startswith("This is not a cursor of this API")


def test_a_nul_inside_is_refused() -> None:
    assert refused(encode_cursor(BY_NAME, "a\0b", ID), BY_NAME, temporal=False).message.startswith(
        "This is not a cursor"
    )


@examples(300)
@given(st.integers(0, 200), st.characters(codec="utf-8"))
def test_a_cursor_that_was_tampered_with_is_refused(at: int, by: str) -> None:
    cursor = encode_cursor(BY_NAME, "a name of some length", ID)
    place = at % len(cursor)
    tampered = cursor[:place] + by + cursor[place + 1 :]

    if tampered != cursor:
        refused(tampered, BY_NAME, temporal=False)


def test_a_cursor_that_was_cut_is_refused() -> None:
    cursor = encode_cursor(BY_NAME, "a name of some length", ID)

    for length in range(len(cursor)):
        refused(cursor[:length], BY_NAME, temporal=False)
        refused(cursor[length + 1 :], BY_NAME, temporal=False)


@examples(300)
@given(st.text(), st.booleans())
def test_no_text_at_all_raises_anything_else(text: str, temporal: bool) -> None:
    refused(text, BY_TIME if temporal else BY_NAME, temporal)
