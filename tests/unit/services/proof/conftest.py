import pytest

from chalicelib.domain.certification.facts import Payer, PayerKind
from chalicelib.services.delivery.carrier_faxes import CarrierFaxes
from tests.support.worlds.fax_world import FaxWorld, store_pdf
from tests.support.worlds.proof_world import ORDER, change


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FaxWorld:
    """A portal in memory with a plan that has an order (a referral). Its faxes are made without drawing, for speed."""
    monkeypatch.setattr(CarrierFaxes, "_store_pdf", store_pdf)
    made = FaxWorld()
    change(made, certification=ORDER, payer=Payer(kind=PayerKind.MEDICARE))
    return made
