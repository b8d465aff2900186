"""Test the EMR's API for the faxes that came in to the practice's own number."""

from dataclasses import dataclass, replace

import pytest
from chalice.test import HTTPResponse

from chalicelib import bootstrap
from chalicelib.domain.audit import AccessEvent
from chalicelib.domain.carriers.received_faxes import PageMatch, ReceivedPage
from chalicelib.services.transaction import Change
from tests.support.fakes import START
from tests.support.portal import Portal, header
from tests.support.provider_fixtures import a_received_fax
from tests.unit.web.api.test_emr import Emr

FAX, LATER = "fax_1795374000000000000012", "fax_1795374000000000000013"


@dataclass
class Clinic:
    """A practice with one document and one received fax of three pages, in memory, and its requests to the API."""

    emr: Emr
    document_id: str

    @property
    def portal(self) -> Portal:
        return self.emr.portal

    def accesses(self, owner: str) -> list[tuple[str, str]]:
        events: tuple[AccessEvent, ...] = self.portal.fake_store.access_events(owner, limit=9, before=None).items
        return [(event.what, event.actor) for event in events]

    def assign(self, body: object, fax_id: str = FAX) -> HTTPResponse:
        return self.emr.write("POST", f"/v1/faxes/{fax_id}/assign", body)


@pytest.fixture
def clinic() -> Clinic:
    portal = Portal()
    bootstrap.install(portal)
    emr = Emr(portal)
    document_id = emr.send()
    pages = (
        ReceivedPage(number=1, match=PageMatch.UNREADABLE),
        ReceivedPage(number=2, match=PageMatch.OTHER_PRACTICE),
        ReceivedPage(number=3, match=PageMatch.MATCHED, document_id=document_id, page=2),
    )
    fax = a_received_fax(practice_id=emr.practice.id, pages=pages)
    later = replace(
        fax, id=LATER, sort_key=1795374000000000000013, is_partial=True, pages=(), refused="The fax is not a PDF."
    )
    portal.store.commit(Change(at=START, received_faxes=(fax, later)))
    return Clinic(emr, document_id)


def test_the_list_shows_every_page_and_links_to_those_of_the_practice(clinic: Clinic) -> None:
    body = clinic.emr.get("/v1/faxes").json_body
    assert body["next_cursor"] is None
    newest, oldest = body["faxes"]
    assert newest == {
        "id": LATER,
        "received_at": "2026-11-22T19:00:00.000Z",
        "arrival": "carrier",
        "sender": "+15125550100",
        "partial": True,
        "refused": "The fax is not a PDF.",
        "pages": [],
        "assigned_to": None,
        "file_url": f"{clinic.portal.settings.portal_url}/v1/faxes/{LATER}/file.pdf",
    }
    assert oldest["file_url"] is None, "it has a page of another practice's document"
    url = f"{clinic.portal.settings.portal_url}/v1/faxes/{FAX}/pages"
    assert oldest["pages"] == [
        {"number": 1, "match": "unreadable", "document_id": None, "page": None, "url": f"{url}/1"},
        {"number": 2, "match": "other_practice", "document_id": None, "page": None, "url": None},
        {"number": 3, "match": "matched", "document_id": clinic.document_id, "page": 2, "url": f"{url}/3"},
    ]


def test_the_list_has_pages(clinic: Clinic) -> None:
    first = clinic.emr.get("/v1/faxes?limit=1").json_body
    second = clinic.emr.get(f"/v1/faxes?limit=1&cursor={first['next_cursor']}").json_body
    assert [fax["id"] for fax in first["faxes"]] == [LATER]
    assert ([fax["id"] for fax in second["faxes"]], second["next_cursor"]) == ([FAX], None)


def test_an_unknown_parameter_of_the_list_is_refused(clinic: Clinic) -> None:
    response = clinic.emr.get("/v1/faxes?report=unmatched")
    assert response.status_code == 400
    assert [error["field"] for error in response.json_body["errors"]] == ["report"]


def test_the_picture_of_a_page_is_fetched_and_the_access_recorded(clinic: Clinic) -> None:
    response = clinic.emr.get(f"/v1/faxes/{FAX}/pages/3")
    assert response.status_code == 303
    assert f"faxes/{clinic.emr.practice.id}/{FAX}/3" in header(response, "location")
    assert clinic.accesses(clinic.document_id) == [("copy", f"practice:{clinic.emr.practice.id}")]


def test_the_access_to_an_unmatched_page_is_recorded_under_the_fax(clinic: Clinic) -> None:
    assert clinic.emr.get(f"/v1/faxes/{FAX}/pages/1").status_code == 303
    assert clinic.accesses(FAX) == [("copy", f"practice:{clinic.emr.practice.id}")]


def test_the_access_to_an_assigned_page_is_recorded_under_its_document(clinic: Clinic) -> None:
    clinic.assign({"document_id": clinic.document_id})
    assert clinic.emr.get(f"/v1/faxes/{FAX}/pages/1").status_code == 303
    assert len(clinic.accesses(clinic.document_id)) == 1


def test_the_file_of_an_unread_fax_is_fetched_and_the_access_recorded(clinic: Clinic) -> None:
    response = clinic.emr.get(f"/v1/faxes/{LATER}/file.pdf")
    assert response.status_code == 303
    assert "evidence/faxes/" in header(response, "location")
    assert clinic.accesses(LATER) == [("copy", f"practice:{clinic.emr.practice.id}")]


def test_the_access_to_a_file_is_recorded_for_each_of_its_documents(clinic: Clinic) -> None:
    fax = clinic.portal.store.received_fax(clinic.emr.practice.id, 1795374000000000000012)
    assert fax is not None
    own = replace(fax, id="fax_14", sort_key=14, pages=(fax.pages[0], fax.pages[2]))
    clinic.portal.store.commit(Change(at=START, received_faxes=(own,)))
    assert clinic.emr.get("/v1/faxes/fax_14/file.pdf").status_code == 303
    for owner in ("fax_14", clinic.document_id):
        assert clinic.accesses(owner) == [("copy", f"practice:{clinic.emr.practice.id}")]


@pytest.mark.parametrize("fax_id", [FAX, "fax_99", "x"])
def test_a_file_with_another_practices_page_and_a_missing_file_are_not_shown(clinic: Clinic, fax_id: str) -> None:
    assert clinic.emr.get(f"/v1/faxes/{fax_id}/file.pdf").status_code == 404
    assert clinic.accesses(fax_id) == []


@pytest.mark.parametrize("path", [f"{FAX}/pages/2", f"{FAX}/pages/4", f"{FAX}/pages/x", "fax_99/pages/1", "x/pages/1"])
def test_another_practices_page_and_a_missing_page_are_not_shown(clinic: Clinic, path: str) -> None:
    assert clinic.emr.get(f"/v1/faxes/{path}").status_code == 404


def test_another_practice_sees_no_fax(clinic: Clinic) -> None:
    stranger = Emr(clinic.portal, "Another practice")
    assert stranger.get("/v1/faxes").json_body["faxes"] == []
    assert stranger.get(f"/v1/faxes/{FAX}/pages/1").status_code == 404
    assert stranger.get(f"/v1/faxes/{LATER}/file.pdf").status_code == 404
    assert stranger.write("POST", f"/v1/faxes/{FAX}/assign", {"document_id": clinic.document_id}).status_code == 404


def test_staff_assign_a_fax(clinic: Clinic) -> None:
    response = clinic.assign({"document_id": clinic.document_id})
    assert (response.status_code, response.json_body["assigned_to"]) == (200, clinic.document_id)
    assert clinic.emr.get("/v1/faxes").json_body["faxes"][1]["assigned_to"] == clinic.document_id
    document = clinic.emr.get(f"/v1/documents/{clinic.document_id}").json_body
    url = f"{clinic.portal.settings.portal_url}/v1/faxes/{FAX}/pages/1"
    assert document["copies"] == [
        {
            "fax_id": FAX,
            "received_at": "2026-11-22T19:00:00.000Z",
            "partial": False,
            "pages": [{"page": None, "url": url}],
            "missing_pages": [1, 2, 3],
        }
    ]
    assert document["attention"]["reason"] == "copy_received"


@pytest.mark.parametrize("body", [{}, {"document_id": ""}, {"document_id": "Doc 1"}, {"document_id": 7}])
def test_an_assignment_names_a_document(clinic: Clinic, body: object) -> None:
    response = clinic.assign(body)
    assert response.status_code == 400
    assert [error["field"] for error in response.json_body["errors"]] == ["document_id"]


def test_a_fax_without_unmatched_pages_cannot_be_assigned(clinic: Clinic) -> None:
    assert clinic.assign({"document_id": clinic.document_id}, LATER).status_code == 409
    assert clinic.assign({"document_id": "doc_none"}).status_code == 404
