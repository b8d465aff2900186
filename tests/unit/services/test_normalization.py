import pytest

from chalicelib.services.delivery.mime import header_text
from chalicelib.services.normalization import (
    describe_wrong_email,
    display_phone,
    is_printable,
    normalize_email,
    normalize_fax,
    normalize_line,
    normalize_paragraphs,
    normalize_phone,
    validate_endpoint_url,
    validate_time_zone,
)
from chalicelib.services.review.signature_input import clean_text
from tests.support.pdf.shaped_words import FROM_RIGHT, SHAPED

NAMES = [*SHAPED.values(), *FROM_RIGHT.values(), "Ẹ̀kọ́", "王小明", "Müller-Łukasiewicz"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_script_is_unchanged(name: str) -> None:
    assert normalize_line(f" {name} ") == name
    assert normalize_paragraphs(name) == name
    assert clean_text(name) == name
    assert header_text(name) == name


@pytest.mark.parametrize("character", ["\x00", "\n", "\u202e", "\u2028", "\u200b", "\ud800", "\ue000"])
def test_hidden_and_bidi_control_characters_are_refused(character: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        normalize_line(f"Li{character}Na")


@pytest.mark.parametrize(
    "number",
    [
        "+19005550123",
        "+15129761234",
        "+15005550006",
        "+18765550123",
        "+442079460958",
        "+97912345678",
        "+881612345678",
        "+88216123456",
        "+870773111632",
        "+883510012345",
        "011881612345678",
    ],
)
def test_a_fax_never_goes_abroad_or_to_a_number_with_extra_charges(number: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        normalize_fax(number)


def test_a_fax_goes_to_the_countries_of_the_installation() -> None:
    for number in ("+15125550100", "+14165550123", "+18005550199"):
        assert normalize_fax(number) == number
    assert normalize_fax("+442079460958", ("GB",)) == "+442079460958"
    with pytest.raises(ValueError, match="in GB"):
        normalize_fax("+15125550100", ("GB",))


def test_a_phone_number_is_displayed_as_people_read_it() -> None:
    assert display_phone("+15125550188") == "(512) 555-0188"
    assert display_phone("+442079460958") == "+442079460958"
    assert display_phone("512 555 0188") == "512 555 0188"


@pytest.mark.parametrize("number", ["+1512555018", "+151255501888", "+1512555018x", "+25125550188", "151255501881"])
def test_a_number_of_another_shape_is_displayed_unchanged(number: str) -> None:
    assert display_phone(number) == number


def test_a_phone_number_may_be_typed_in_forty_characters_and_without_a_country() -> None:
    assert normalize_phone("(512) 555-0100") == "+15125550100"
    assert normalize_phone("+1 512 555 0100".ljust(40)) == "+15125550100"
    for wrong in ("+1 512 555 0100".ljust(41), "123", "call me", "+1512555010", "+151255501000", "555-0100"):
        with pytest.raises(ValueError, match="telephone number"):
            normalize_phone(wrong)


@pytest.mark.parametrize(
    "typed", ["512-555-0100 x12", "(512) 555-0100 ext. 12", "+1 512 555 0100;ext=12", "+15125550100;ext=12"]
)
def test_the_extension_of_a_phone_number_is_kept(typed: str) -> None:
    number = normalize_phone(typed)
    assert number == "+15125550100;ext=12"
    assert display_phone(number) == "(512) 555-0100 ext. 12"
    with pytest.raises(ValueError, match="without an extension"):
        normalize_fax(typed)


@pytest.mark.parametrize("number", ["+16245550100", "+16245559999", "+12455550100", "+19875550100"])
def test_a_number_with_a_new_area_code_is_accepted(number: str) -> None:
    assert normalize_phone(number) == number
    assert normalize_fax(number) == number
    assert normalize_fax(number, ("CA",)) == number


def test_a_new_area_code_counts_as_one_of_the_united_states_and_canada() -> None:
    with pytest.raises(ValueError, match="in GB"):
        normalize_fax("+16245550100", ("GB",))


@pytest.mark.parametrize(
    "number", ["+17005550100", "+13715550100", "+19615550100", "+12985550100", "+16241550100", "+11245550100"]
)
def test_a_fax_goes_to_no_area_code_that_cannot_be_geographic(number: str) -> None:
    assert normalize_phone(number) == number
    with pytest.raises(ValueError, match="without extra charges"):
        normalize_fax(number)


@pytest.mark.parametrize(
    "around", [" ", "\t", "\r\n", "\u00a0", "\u200b", "\ufeff", "\u202a", "\u2060", "\u00ad", "\u3164"]
)
def test_invisible_characters_around_an_email_address_are_left_out(around: str) -> None:
    for text in (f"{around}a@b.org", f"a@b.org{around}", f"{around}{around}a@b.org{around}"):
        assert normalize_email(text) == "a@b.org"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("dr.\u200brivera@example.com", "ZERO WIDTH SPACE (U+200B) at position 4"),
        ("\ufeffdr\u00a0rivera@example.com", "NO-BREAK SPACE (U+00A0) at position 4"),
        ("a@b\u00ad.org\u200b", "SOFT HYPHEN (U+00AD) at position 4"),
        ("a@b.org\r\nBcc: c@d.org", "CONTROL CHARACTER (U+000D) at position 8"),
        ("a@b.o\u3164rg", "HANGUL FILLER (U+3164) at position 6"),
        ("a@b.o\ufe0frg", "VARIATION SELECTOR-16 (U+FE0F) at position 6"),
    ],
)
def test_an_invisible_character_inside_an_email_address_is_named_with_its_position(text: str, named: str) -> None:
    with pytest.raises(ValueError, match="without the invisible character") as refused:
        normalize_email(text)
    assert str(refused.value) == f"must be an email address without the invisible character {named}"
    assert describe_wrong_email(text) == f"Type the address again: it has the invisible character {named}."


@pytest.mark.parametrize("text", ["", " ", "\u200b", "a b@c.org", "\u00e9@b.org"])
def test_a_text_without_an_address_and_a_visible_wrong_character_get_the_general_error(text: str) -> None:
    with pytest.raises(ValueError, match="one email address"):
        normalize_email(text)
    assert describe_wrong_email(text) == "Enter a full email address, such as name@example.com."


def test_an_email_address_has_limits_of_length() -> None:
    local, domain = "a" * 64, ".".join(["b" * 61] * 3)
    longest = f"{local}@{domain}.{'c' * 254}"[:254]
    assert normalize_email(f"{local}@example.com") == f"{local}@example.com"
    for wrong in (
        f"a{local}@example.com",
        longest + "cc",
        "a@b",
        "a b@example.com",
        "Luis <l@example.com>",
        ".a@b.org",
    ):
        with pytest.raises(ValueError, match="one email address"):
            normalize_email(wrong)
    assert normalize_email(longest) == longest
    assert normalize_email(" Dr.Rivera@Example.COM ") == "dr.rivera@example.com"


@pytest.mark.parametrize(
    ("url", "local", "accepted"),
    [
        ("https://emr.example.com/hooks?a=1", False, True),
        ("https://8.8.8.8/hooks", False, True),
        ("https://emr.example.com./hooks", False, True),
        ("http://emr.example.com/hooks", False, False),
        ("http://emr.example.com/hooks", True, False),
        ("ftp://emr.example.com", False, False),
        ("https://user@emr.example.com", False, False),
        ("https://emr.example.com/#part", False, False),
        ("https://emr.example.com:99999/", False, False),
        ("https://emr.example.com/a b", False, False),
        ("https://emr.example.com/\u00e9", False, False),
        ("https://example.com/", False, True),
        ("https://[2001:4860:4860::8888]/", False, True),
        ("https://emr_1.example.com/", False, False),
        ("https://-emr.example.com/", False, False),
        ("https://emr/", False, False),
        ("https://emr./", False, False),
        ("https://emr.example.7/", False, False),
        ("https://10.0.0.1/", False, False),
        ("https://127.0.0.1/", False, False),
        ("http://127.0.0.1:8000/", True, True),
        ("http://localhost:8000/", True, True),
        ("http://emr.localhost:8000/", True, True),
        ("https://localhost/", False, False),
        ("https://10.0.0.1/", True, False),
        ("https://", False, False),
    ],
)
def test_an_endpoint_is_a_public_https_url_or_local_in_the_local_run(*, url: str, local: bool, accepted: bool) -> None:
    if accepted:
        assert validate_endpoint_url(url, allow_loopback=local) == url
        return
    with pytest.raises(ValueError, match="https URL of a public host"):
        validate_endpoint_url(url, allow_loopback=local)


def test_an_endpoint_has_at_most_2048_characters() -> None:
    longest = "https://emr.example.com/".ljust(2048, "x")
    assert validate_endpoint_url(longest, allow_loopback=False) == longest
    with pytest.raises(ValueError, match="https URL"):
        validate_endpoint_url(longest + "x", allow_loopback=False)


@pytest.mark.parametrize(
    "zone", ["America/Chicago", "America/Indiana/Knox", "Pacific/Honolulu", "US/Eastern", "Europe/Paris"]
)
def test_a_time_zone_has_a_place(zone: str) -> None:
    assert validate_time_zone(zone) == zone


@pytest.mark.parametrize(
    "zone",
    [
        *("America/Nowhere", "", "../etc/passwd", "/etc/localtime", "America", "America/"),
        *("EST", "MST", "HST", "EST5EDT", "CST6CDT", "Factory", "localtime", "posixrules", "UTC", "GMT", "Zulu"),
        *("Etc/UTC", "Etc/GMT+5", "posix/America/Chicago", "right/America/Chicago", "Japan", "Navajo"),
    ],
)
def test_a_time_zone_without_a_place_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="time zone with a place, such as America/New_York"):
        validate_time_zone(zone)


def test_a_text_of_several_lines_keeps_its_lines_only() -> None:
    assert normalize_paragraphs("\n one \r\n\ttwo\n\n") == "one\n two"
    for normalize, text, words in (
        (normalize_paragraphs, " \n ", "must not be empty"),
        (normalize_line, "  ", "must not be empty"),
        (normalize_paragraphs, "a\x07b", "control characters other"),
        (normalize_paragraphs, "a\u2029b", "control characters other"),
    ):
        with pytest.raises(ValueError, match=words):
            normalize(text)


def test_joiners_are_printable() -> None:
    assert [is_printable(character) for character in ("a", "\u200d", "\u200b")] == [True, True, False]
