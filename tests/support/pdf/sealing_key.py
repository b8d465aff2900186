"""A key that seals (digitally signs) PDFs, and a timestamp authority, both in this process, for tests."""

import datetime as dt
import hashlib
import io
from functools import cache

from asn1crypto import algos, cms, core, tsp, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers import PdfSignatureMetadata, sign_pdf

from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.signing.certificate_chain import Chain, fingerprint, issue_self_signed, verify_chain
from chalicelib.pdf.signing.sealer import Sealer
from chalicelib.pdf.signing.timestamp_tokens import Timestamps, TimestampSource
from tests.support.pdf.sample_pdfs import BLOCK, CERTIFICATE, DOCUMENT_ID, NOW
from tests.support.pdf.sealing import PyHankoSigner, SealFacts, find_faults, seal_signed

FACTS = SealFacts("Signed electronically by Luis Rivera-Muñoz, MD, NPI 1234567893", DOCUMENT_ID, NOW)


class LocalKey:
    """An RSA key in memory that signs only digests, as the portal's key in KMS does."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 3072)

    def sign(self, digest: bytes) -> bytes:
        return self._key.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))

    def public_key(self) -> bytes:
        der = serialization.Encoding.DER
        return self._key.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)

    def certificate(self, *, at: dt.datetime = NOW, years: int = 30, serial: int = 7) -> x509.Certificate:
        return issue_self_signed(self.public_key(), self.sign, name="Test seal", serial=serial, at=at, years=years)


@cache
def key() -> LocalKey:
    return LocalKey()


@cache
def certificate() -> x509.Certificate:
    return key().certificate()


def chain() -> Chain:
    return verify_chain([certificate()], key().public_key(), NOW)


def sign_as_another(pdf: bytes, signer: PyHankoSigner | None = None) -> bytes:
    """Return the PDF with a digital signature by another person, which allows further signatures."""
    other = LocalKey()
    signer = signer or PyHankoSigner(Chain((other.certificate(),)), other.sign)
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    output: io.BytesIO = sign_pdf(writer, PdfSignatureMetadata(field_name="Other"), signer=signer)
    return output.getvalue()


@cache
def sealer(timestamps: Timestamps | None = None) -> Sealer:
    source = TimestampSource(timestamps, pins()) if timestamps is not None else None
    return Sealer(chain=chain(), sign=key().sign, timestamps=source)


def seal_or_rebuild(data: bytes, field: SignatureBox) -> tuple[bytes, list[str]]:
    """Return the sealed PDF of a signed document, and its faults (an empty list if there are none).

    If the seal added to the original has faults, the file is rebuilt, as the portal does."""
    for rebuild in (False, True):
        release = seal_signed(
            data, block=BLOCK, field=field, certificate=CERTIFICATE, sealer=sealer(), facts=FACTS, rebuild=rebuild
        )
        faults = find_faults(release, source=data, certificate=certificate())
        if not faults:
            break
    return release.sealed.data, faults


Authority = tuple[LocalKey, x509.Certificate]
STAMPED_AT = NOW + dt.timedelta(seconds=2)


def authority(usage: str = "time_stamping", at: dt.datetime = NOW) -> Authority:
    """Return the key and the certificate of a new timestamp authority.

    The certificate is only for `usage`. A timestamp counts only if this is `time_stamping`."""
    own = LocalKey()
    issued = own.certificate(at=at, serial=8)
    body = issued["tbs_certificate"]
    body["extensions"].append({"extn_id": "extended_key_usage", "critical": True, "extn_value": [usage]})
    issued["signature_value"] = own.sign(hashlib.sha256(body.dump(force=True)).digest())
    return own, x509.Certificate.load(issued.dump(force=True))


@cache
def _authority() -> Authority:
    return authority()


def pins_of(by: Authority) -> frozenset[str]:
    """Return the fingerprint of a timestamp authority's certificate, by which an installation trusts the authority."""
    return frozenset({fingerprint(by[1])})


def pins() -> frozenset[str]:
    """Return the fingerprint of the certificate of the timestamp authority that most tests share."""
    return pins_of(_authority())


def timestamps(
    query: bytes, *, at: dt.datetime = STAMPED_AT, nonce: int | None = None, by: Authority | None = None
) -> bytes:
    """Return a timestamp authority's reply to a request (`query`), both in the binary format of RFC 3161.

    `at` is the time in the timestamp. A wrong `nonce` simulates a reply to another request. Without `by`, the authority
    that most tests share replies."""
    match_label = tsp.TimeStampReq.load(query)
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3.4",
            "message_imprint": match_label["message_imprint"],
            "serial_number": 1,
            "gen_time": at,
            "nonce": match_label["nonce"].native if nonce is None else nonce,
        }
    )
    token = _token(info.dump(), by or _authority())
    reply: bytes = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()
    return reply


def _token(content: bytes, by: Authority) -> cms.ContentInfo:
    own, issued = by
    sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
    signed = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(content).digest()]}),
        ]
    )
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                name="issuer_and_serial_number", value={"issuer": issued.issuer, "serial_number": issued.serial_number}
            ),
            "digest_algorithm": sha256,
            "signed_attrs": signed,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
            "signature": own.sign(hashlib.sha256(signed.dump()).digest()),
        }
    )
    return cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": cms.SignedData(
                {
                    "version": "v3",
                    "digest_algorithms": [sha256],
                    "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
                    "certificates": [cms.CertificateChoices(name="certificate", value=issued)],
                    "signer_infos": [signer],
                }
            ),
        }
    )
