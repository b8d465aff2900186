"""Test a practice's logo: the accepted images, their storage, and the page that shows the logo."""

import base64
import io
from typing import Any
from unittest.mock import Mock

import pytest
from PIL import Image

from chalicelib import bootstrap
from chalicelib.services.pdf_requests import MeasuredLogo
from chalicelib.services.practices import logos
from chalicelib.services.practices.logos import MAX_BYTES
from chalicelib.services.transaction import Change
from tests.support.fakes import START, FakeFiles
from tests.support.portal import Browser, Portal
from tests.support.provider_fixtures import PRACTICE, a_document, a_store


def an_image(kind: str, width: int = 480, height: int = 120, **how: Any) -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (width, height), "#0f4c5c").save(kept, kind, **how)
    return kept.getvalue()


@pytest.fixture
def portal() -> Portal:
    made = Portal(a_store())
    bootstrap.install(made)
    return made


def stored(portal: Portal) -> dict[str, tuple[bytes, str]]:
    assert isinstance(portal.files, FakeFiles)
    return portal.files.objects


def set_logo(portal: Portal, image: bytes | None) -> Any:
    text = None if image is None else base64.b64encode(image).decode()
    return portal.admin_actions.run({"action": "set_logo", "practice_id": PRACTICE.id, "image": text})


@pytest.mark.parametrize(
    ("kind", "media_type", "how"),
    [("PNG", "image/png", {}), ("JPEG", "image/jpeg", {}), ("JPEG", "image/jpeg", {"progressive": True})],
)
def test_png_and_jpeg_are_accepted_with_their_size(
    portal: Portal, kind: str, media_type: str, how: dict[str, Any]
) -> None:
    image = an_image(kind, **how)
    assert set_logo(portal, image) == {"id": PRACTICE.id, "width": 480, "height": 120}
    assert list(stored(portal).values()) == [(image, media_type)]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "must be a PNG or JPEG image"),
        (an_image("GIF"), "must be a PNG or JPEG image"),
        (b"", "must be a PNG or JPEG image"),
        (an_image("PNG")[:20], "must be a PNG or JPEG image"),
        (b"\xff\xd8\xff\xe0\x00\x00", "must be a PNG or JPEG image"),
        (b"\xff\xd8\xff" + bytes(900), "must be a PNG or JPEG image"),
        (an_image("PNG", 1001, 10), "must be at most 1000 pixels wide and high"),
        (an_image("JPEG", 10, 1001), "must be at most 1000 pixels wide and high"),
        (an_image("PNG") + bytes(MAX_BYTES), f"must have at most {MAX_BYTES} bytes"),
    ],
)
def test_any_other_image_is_refused_and_not_stored(portal: Portal, image: bytes, message: str) -> None:
    error = set_logo(portal, image)["error"]
    assert error["errors"] == [{"field": "image", "message": message}]
    assert stored(portal) == {}


def test_invalid_base64_is_refused(portal: Portal) -> None:
    asked = {"action": "set_logo", "practice_id": PRACTICE.id, "image": "<svg/>"}
    answer = portal.admin_actions.run(asked)
    assert answer["error"]["errors"] == [{"field": "image", "message": "must be in base64"}]


def test_the_landing_page_shows_the_logo_from_the_day_of_sending(portal: Portal) -> None:
    assert set_logo(portal, an_image("PNG")) == {"id": PRACTICE.id, "width": 480, "height": 120}
    practice = portal.store.practice(PRACTICE.id)
    assert practice is not None
    assert practice.logo is not None
    assert stored(portal)[practice.logo.key] == (an_image("PNG"), "image/png")
    with_logo, without = a_document(practice=practice.card()), a_document(id="doc_before")
    portal.store.commit(Change(at=START, documents=(with_logo, without)))
    shown = Browser().get(f"/documents/{with_logo.id}").body.decode()
    assert f'src="{portal.files.origin()}/{practice.logo.key}' in shown.replace("&amp;", "&")
    assert 'width="224" height="56"' in shown
    assert 'class="logo"' not in Browser().get(f"/documents/{without.id}").body.decode()
    assert 'class="logo"' not in Browser().get("/documents/doc_unknown").body.decode()


def test_a_logo_can_be_removed(portal: Portal) -> None:
    set_logo(portal, an_image("JPEG"))
    assert set_logo(portal, None) == {"id": PRACTICE.id}
    practice = portal.store.practice(PRACTICE.id)
    assert practice is not None
    assert practice.logo is None


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (MeasuredLogo(refused="too wide"), "too wide"),
        (MeasuredLogo(refused="too wide", media_type="image/png"), "too wide"),
        (MeasuredLogo(media_type="image/svg+xml", width=1, height=1), "must be a PNG or JPEG image"),
    ],
)
def test_a_refused_picture_or_another_type_is_no_logo(measured: MeasuredLogo, reason: str) -> None:
    pdf = Mock(run=Mock(return_value=measured))
    with pytest.raises(ValueError, match=f"^{reason}$"):
        logos._measure(b"x" * MAX_BYTES, pdf)
    with pytest.raises(ValueError, match="at most 20000 bytes"):
        logos._measure(b"x" * (MAX_BYTES + 1), pdf)
