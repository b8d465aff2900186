from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.follow_up import area_codes
from chalicelib.domain.follow_up.area_codes import find_time_zones


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+12125550100", ("America/New_York",)),
        ("+15125550100", ("America/Chicago",)),
        ("+18085550100", ("Pacific/Honolulu",)),
        ("+16025550100", ("America/Phoenix",)),
        ("+18505550100", ("America/Chicago", "America/New_York")),
        ("+18005550100", ()),
        ("+442125550100", ()),
        (None, ()),
    ],
)
def test_the_area_code_of_a_number_gives_its_time_zones(number: str | None, zones: tuple[str, ...]) -> None:
    assert find_time_zones(number) == zones


def test_every_area_code_is_listed_once_with_zones_that_exist() -> None:
    codes = [code for row in area_codes._AREA_CODES.values() for code in row.split()]
    assert len(codes) == len(set(codes)) > 400
    assert all(len(code) == 3 and code.isdigit() for code in codes)
    assert all(ZoneInfo(zone) for zones in area_codes._AREA_CODES for zone in zones)
