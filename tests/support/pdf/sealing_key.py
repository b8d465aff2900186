"""A sealing key and a timestamp authority for tests."""

import datetime as dt
import hashlib
from functools import cache

from asn1crypto import algos, cms, core, tsp, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from chalicelib.pdf.signing.certificate_chain import Chain, issue_self_signed, verify_chain
from chalicelib.pdf.signing.cms import Timestamps
from chalicelib.pdf.signing.seal import Sealer, SealFacts
from tests.support.pdf.sample_pdfs import DOCUMENT_ID, NOW

FACTS = SealFacts("Signed electronically by Luis Rivera-Muñoz, MD, NPI 1234567893", DOCUMENT_ID, NOW)


class LocalKey:
    """An RSA key that signs digests as KMS does."""

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


@cache
def sealer(timestamps: Timestamps | None = None) -> Sealer:
    return Sealer(chain=chain(), sign=key().sign, timestamps=timestamps)


@cache
def _authority() -> tuple[LocalKey, x509.Certificate]:
    own = LocalKey()
    return own, own.certificate(serial=8)


def timestamps(query: bytes) -> bytes:
    """Return the response of a timestamp authority to `query`. Both are DER (RFC 3161)."""
    match_label = tsp.TimeStampReq.load(query)
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3.4",
            "message_imprint": match_label["message_imprint"],
            "serial_number": 1,
            "gen_time": NOW + dt.timedelta(seconds=2),
            "nonce": match_label["nonce"].native,
        }
    )
    token = _token(info.dump())
    reply: bytes = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()
    return reply


def _token(content: bytes) -> cms.ContentInfo:
    own, issued = _authority()
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
