from dataclasses import replace

import pytest

from chalicelib.services.authentication.known_devices import KnownDevices
from tests.support.fakes import FakeIds, FakeKeys
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER


@pytest.fixture
def devices() -> KnownDevices:
    return KnownDevices(FakeKeys(), FakeIds())


def test_a_browser_is_known_to_its_account_until_the_sessions_end(devices: KnownDevices) -> None:
    device = devices.read(devices.issue(PROVIDER.id, 1))
    assert device is not None
    assert (device.provider_id, device.session_generation) == (PROVIDER.id, 1)
    assert device.is_known_to(PROVIDER) is True
    assert device.is_known_to(replace(PROVIDER, session_generation=2)) is False
    assert device.is_known_to(OTHER_PROVIDER) is False
    assert device.is_known_to(None) is False


def test_two_browsers_of_an_account_have_different_ids(devices: KnownDevices) -> None:
    one, other = (devices.read(devices.issue(PROVIDER.id, 1)) for _ in range(2))
    assert one is not None
    assert one != other


@pytest.mark.parametrize("broken", ["", "prv_1", "prv_1.1.x.zz", "prv_1.1.x.00", "..", "x" * 301])
def test_a_cookie_that_the_portal_did_not_sign_names_no_browser(devices: KnownDevices, broken: str) -> None:
    assert devices.read(broken) is None


@pytest.mark.parametrize("owner", ["prv_2", "prv_1.2"])
def test_a_changed_cookie_names_no_browser(devices: KnownDevices, owner: str) -> None:
    cookie = devices.issue(PROVIDER.id, 1)
    assert devices.read(cookie.replace("prv_1", owner, 1)) is None
    assert devices.read(cookie[:-1] + ("0" if cookie[-1] != "0" else "1")) is None


def test_a_cookie_of_up_to_300_characters_is_read(devices: KnownDevices) -> None:
    others = len(devices.issue("", 1))
    while len(devices.issue("x" * (300 - others), 1)) != 300:
        others += 1
    assert devices.read(devices.issue("x" * (300 - others), 1)) is not None
    assert devices.read(devices.issue("x" * (301 - others), 1)) is None
