import re

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.services.pagination import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    decode_cursor,
    decode_number_cursor,
    encode_cursor,
    list_name,
    parse_limit,
)
from chalicelib.services.signed_tokens import to_base64url

PLACE = "2026-11-20T19:00:00.000Z#doc_1|doc_1"
LIST = list_name("pending", "prv_1")


@pytest.mark.parametrize("place", [PLACE, f"2026-11-20#{PLACE}"])
def test_a_cursor_is_valid_for_its_own_list_only(place: str) -> None:
    cursor = encode_cursor(place, of=LIST)
    assert decode_cursor(cursor, of=LIST) == place
    for other in ("", list_name("past", "prv_1"), list_name("pending", "prv_2")):
        with pytest.raises(Invalid):
            decode_cursor(cursor, of=other)


@pytest.mark.parametrize("none", [None, ""])
def test_the_first_page_has_no_cursor(none: str | None) -> None:
    assert decode_cursor(none) is None
    assert decode_number_cursor(none) is None
    assert encode_cursor(None) is None


@pytest.mark.parametrize("cursor", ["x", "é", to_base64url(b"no place"), to_base64url(b"~"), to_base64url(b"\xff")])
def test_an_invalid_cursor_names_its_parameter(cursor: str) -> None:
    for decode in (decode_cursor, decode_number_cursor):
        with pytest.raises(Invalid) as refused:
            decode(cursor, "before")
        assert [error.field for error in refused.value.errors] == ["before"]


def test_a_list_in_the_order_of_a_number_has_cursors_of_numbers() -> None:
    assert decode_number_cursor(encode_cursor("1234567890")) == 1_234_567_890
    with pytest.raises(Invalid):
        decode_number_cursor(encode_cursor("123456789"))
    with pytest.raises(Invalid):
        decode_number_cursor(encode_cursor(PLACE))
    assert decode_cursor(encode_cursor("a"), pattern=re.compile("a")) == "a"


@pytest.mark.parametrize(("text", "limit"), [(None, 50), ("1", 1), ("100", 100), ("050", 50)])
def test_a_page_has_1_to_100_rows(text: str | None, limit: int) -> None:
    assert (DEFAULT_LIMIT, MAX_LIMIT) == (50, 100)
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", ["0", "101", "999", "1000", "", "-1", "1.5", "x", "٣"])
def test_another_limit_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_limit(text)
    assert [error.field for error in refused.value.errors] == ["limit"]
