from enum import StrEnum

import pytest

from chalicelib.domain.errors import (
    ConcurrentUpdate,
    Conflict,
    ConflictCode,
    FieldError,
    Forbidden,
    ForbiddenCode,
    Gone,
    GoneCode,
    Invalid,
    InvalidCode,
    PortalError,
    TooManyRequests,
    Unprocessable,
    UnprocessableCode,
)
from chalicelib.services.authentication.password_login import SecondFactorRequired

ERRORS = (FieldError("npi", "is needed"),)


@pytest.mark.parametrize(
    ("error", "code", "errors"),
    [
        (Invalid("Why.", errors=ERRORS), "invalid-request", ERRORS),
        (Invalid("Why.", code=InvalidCode.ADDRESS_TAKEN), "address-taken", ()),
        (Unprocessable("Why.", errors=ERRORS), "unprocessable", ERRORS),
        (Unprocessable("Why.", code=UnprocessableCode.EMPTY), "empty", ()),
        (Conflict("Why.", errors=ERRORS), "conflict", ERRORS),
        (Conflict("Why.", code=ConflictCode.NOT_READY), "not-ready", ()),
        (Gone("Why."), "gone", ()),
        (Gone("Why.", code=GoneCode.LINK_DEAD), "link-dead", ()),
        (Forbidden("Why.", code=ForbiddenCode.FORM_EXPIRED), "form-expired", ()),
        (TooManyRequests("Why.", retry_after=7), "too-many-requests", ()),
    ],
)
def test_a_refusal_has_its_sentence_its_code_and_its_fields(
    error: PortalError, code: str, errors: tuple[FieldError, ...]
) -> None:
    assert (str(error), error.detail) == ("Why.", "Why.")
    assert isinstance(error.code, StrEnum)
    assert (error.code.value, error.errors) == (code, errors)


def test_the_text_of_a_signal_names_no_secret() -> None:
    signal = SecondFactorRequired("token")
    assert (str(signal), signal.token) == ("a second factor is needed", "token")


def test_a_lost_write_names_its_rows() -> None:
    conflict = ConcurrentUpdate(["document", "claim"])
    assert (str(conflict), conflict.parts) == ("document, claim", ("document", "claim"))
