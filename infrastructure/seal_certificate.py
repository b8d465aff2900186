"""The certificate of the key that seals documents. A seal is the portal's digital signature of a whole PDF.

A key in KMS has no certificate. Deployment makes a self-issued certificate, which is valid longer than any document
must be stored. `python -m infrastructure.seal_certificate` prints a request for a certificate of an authority, or
installs the authority's chain of certificates. Earlier certificates stay published, because old seals are verified with
them."""

import argparse
import datetime as dt
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from chalicelib.adapters import aws_clients
from chalicelib.adapters.kms_seal_key import KmsSealKey
from chalicelib.adapters.s3_files import S3Files
from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.services.pdf_jobs.seal_certificates import CURRENT_KEY, PUBLISHED_KEY
from infrastructure.cloudformation import Clients, aws_target, describe
from infrastructure.user_error import UserError, run_command

YEARS = 30
NAME = "Provider Portal document seal"


class SealStore:
    """The key in KMS with which a deployed portal seals (digitally signs) PDFs, and the PEM files of its
    certificates."""

    def __init__(self, client: Clients, outputs: Mapping[str, str]) -> None:
        """Find the key and the bucket of a deployed stack by its outputs, such as `SealingKeyArn` and `Bucket`."""
        clients = aws_clients.Clients(make=lambda service, _config: client(service))
        self.key = KmsSealKey(clients, outputs["SealingKeyArn"])
        self._files = S3Files(clients, outputs["Bucket"], outputs["EvidenceBucket"])

    def read(self, file: str) -> bytes:
        """Return the content of a PEM file in the bucket, or nothing if there is no such file.

        Raise UserError if S3 refuses the read. `S3Files.find` treats a refusal as a missing file. Here, this would
        overwrite the certificate of an authority."""
        try:
            return self._files.get(file)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise UserError(f"The certificates cannot be read: {error}") from error
            return b""

    def write(self, file: str, pem: bytes) -> None:
        self._files.put(file, pem, "application/x-pem-file")


def ensure(client: Clients, outputs: Mapping[str, str], now: dt.datetime) -> bool:
    """Issue a self-signed certificate for the sealing key, unless a valid one is installed. Return True if issued.

    `outputs` are the outputs of the deployed stack. `now` decides whether the installed certificate is valid."""
    store = SealStore(client, outputs)
    public_key = store.key.public_key()
    try:
        chain.verify_chain(chain.read_pem(store.read(CURRENT_KEY)), public_key, now)
    except chain.ChainRefused:
        certificate = chain.issue_self_signed(
            public_key, store.key.sign, name=NAME, serial=secrets.randbits(127), at=now, years=YEARS
        )
        _install(store, chain.verify_chain([certificate], public_key, now))
        return True
    return False


def install(client: Clients, outputs: Mapping[str, str], pem: bytes, now: dt.datetime) -> None:
    """Install the certificate of an authority, with which documents are sealed (digitally signed) from now on.

    `pem` has this certificate and those of its issuers in order. Raises UserError if the chain is not valid now, or is
    not for the sealing key."""
    store = SealStore(client, outputs)
    try:
        new_chain = chain.verify_chain(chain.read_pem(pem), store.key.public_key(), now)
    except chain.ChainRefused as error:
        raise UserError(str(error)) from error
    _install(store, new_chain)


def _install(store: SealStore, new_chain: chain.Chain) -> None:
    # The certificate is published before its first use, so that every seal can be verified.
    published = chain.read_pem(store.read(PUBLISHED_KEY))
    if new_chain.leaf.dump() not in {certificate.dump() for certificate in published}:
        store.write(PUBLISHED_KEY, chain.write_pem([*published, new_chain.leaf]))
    store.write(CURRENT_KEY, chain.write_pem(new_chain.certificates))


def request(client: Clients, outputs: Mapping[str, str], name: str) -> bytes:
    """Return a request (PKCS #10, PEM) with which an operator asks an authority for a certificate of the sealing key.

    `name` is the common name in the request."""
    key = SealStore(client, outputs).key
    return chain.build_signing_request(key.public_key(), key.sign, name=name)


def main() -> int:
    """Print a certificate request, or install the chain of certificates in the file that `--chain` names."""
    parser = argparse.ArgumentParser(description="Manage the certificate that documents are sealed with.")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--chain", type=Path, help="PEM file: the certificate, then its issuers")
    parser.add_argument("--name", default=NAME, help="common name of the certificate request")
    arguments = parser.parse_args()
    stack = describe(aws_target(arguments.stage))
    if stack is None:
        raise UserError(f"There is no stack for the stage {arguments.stage}.")
    if arguments.chain is None:
        sys.stdout.write(request(boto3.client, stack.outputs, arguments.name).decode())
    else:
        install(boto3.client, stack.outputs, arguments.chain.read_bytes(), dt.datetime.now(dt.UTC))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
