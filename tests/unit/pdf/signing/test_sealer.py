"""Test the part of sealing that has the key. It trusts no byte position and no hash of the part that parses PDFs."""

import hashlib
import subprocess
import sys

import pytest

from chalicelib.pdf.signing import seal
from chalicelib.pdf.signing.placeholder import Placeholder, find_last
from chalicelib.pdf.signing.seal import Prepared
from chalicelib.pdf.signing.sealer import Sealer
from chalicelib.pdf.signing.verification import find_signature_gap, verify
from infrastructure.repository import ROOT
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf import sealing_key
from tests.support.pdf.sealing import seal_plain
from tests.support.pdf.sealing_key import FACTS, sealer
from tests.unit.pdf.signing.test_seal import OURS


@pytest.fixture
def prepared() -> Prepared:
    return seal.prepare(samples.plan_of_care(), FACTS.spec(sealer()))


def refusing(_digest: bytes) -> bytes:
    raise AssertionError("the key was used")


def test_a_message_in_its_placeholder_seals_the_file(prepared: Prepared) -> None:
    message = sealer().make_message(prepared.data, prepared.placeholder, FACTS.at)
    sealed = prepared.placeholder.insert(prepared.data, message.data)
    assert verify(sealed, OURS).verdict == "intact"
    assert len(sealed) == len(prepared.data)
    assert find_last(sealed) == prepared.placeholder == Placeholder(*find_signature_gap(sealed))


def test_the_digest_is_that_of_all_bytes_but_the_placeholder(prepared: Prepared) -> None:
    data, place = prepared.data, prepared.placeholder
    assert place.digest(data) == hashlib.sha256(data[: place.start - 1] + data[place.end + 1 :]).digest()


@pytest.mark.parametrize(
    "wrong",
    [(0, 0), (1, 10), (-100, -20), (100, 50), (0, 10**9), (10**9, 10**9 + 10)],
    ids=["nothing", "other bytes", "negative", "reversed", "too far", "outside"],
)
def test_the_key_signs_nothing_for_a_place_that_is_no_placeholder(prepared: Prepared, wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="placeholder"):
        Sealer(sealing_key.chain(), refusing).make_message(prepared.data, Placeholder(*wrong), FACTS.at)


@pytest.mark.parametrize("shift", [(-1, 0), (1, 0), (0, -2), (0, 2), (2, -2)])
def test_a_part_of_the_placeholder_is_refused(prepared: Prepared, shift: tuple[int, int]) -> None:
    place = Placeholder(prepared.placeholder.start + shift[0], prepared.placeholder.end + shift[1])
    with pytest.raises(ValueError, match="placeholder"):
        Sealer(sealing_key.chain(), refusing).make_message(prepared.data, place, FACTS.at)


def test_a_file_that_is_sealed_already_is_not_sealed_again() -> None:
    sealed = seal_plain(samples.plan_of_care(), sealer(), FACTS).data
    with pytest.raises(ValueError, match="not empty"):
        Sealer(sealing_key.chain(), refusing).make_message(sealed, find_last(sealed), FACTS.at)


def test_a_message_that_does_not_fit_is_not_inserted(prepared: Prepared) -> None:
    with pytest.raises(ValueError, match="larger than the space"):
        prepared.placeholder.insert(prepared.data, bytes(sealer().reserved_bytes + 1))


def test_a_timestamp_is_added_only_to_a_seal_of_these_bytes() -> None:
    by = sealer(sealing_key.timestamps)
    data = seal_plain(samples.plan_of_care(), sealer(sealing_key.timestamps), FACTS).data
    assert by.make_timestamped(data, FACTS.at)
    with pytest.raises(ValueError, match="does not seal the file"):
        by.make_timestamped(data.replace(b"MediaBox", b"MediaBux"), FACTS.at)
    with pytest.raises(ValueError, match="no seal"):
        by.make_timestamped(samples.plan_of_care(), FACTS.at)


def test_the_half_with_the_key_loads_no_reader() -> None:
    script = "import sys, chalicelib.pdf.signing.sealer; print(*sys.modules)"
    made = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(made.stdout.split())
    assert not loaded & {"pypdf", "pypdfium2", "PIL", "reportlab", "pyhanko.pdf_utils.reader", "pyhanko.sign"}
