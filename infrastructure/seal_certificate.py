"""The certificate that documents are sealed with: made at deployment, and replaced by the administrator's.

A key in KMS has no certificate of its own. Deployment makes one that the key issues to itself and that
outlives every retention period; `python -m infrastructure.seal_certificate` prints a request for an
authority's certificate, or puts such a chain in its place. What was in use before stays published.
"""

import argparse
import datetime as dt
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.services.pdf_jobs.seal_certificates import CURRENT_KEY, PUBLISHED_KEY
from infrastructure.user_error import Trouble, exit_status

YEARS = 30
NAME = "Provider Portal document seal"

Clients = Callable[[str], Any]


class Place:
    """The sealing key of a stack, and where its certificates are kept."""

    def __init__(self, client: Clients, outputs: Mapping[str, str]) -> None:
        self._kms, self._s3 = client("kms"), client("s3")
        self._key, self._bucket = outputs["SealingKeyArn"], outputs["Bucket"]

    def sign(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest with the key."""
        answer = self._kms.sign(
            KeyId=self._key,
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )
        signature: bytes = answer["Signature"]
        return signature

    def public_key(self) -> bytes:
        """The key's public half, DER."""
        der: bytes = self._kms.get_public_key(KeyId=self._key)["PublicKey"]
        return der

    def read(self, key: str) -> bytes:
        """An object's content; empty when it is not there."""
        try:
            content: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise Trouble(f"The certificates cannot be read: {error}") from error
            return b""
        return content

    def write(self, key: str, content: bytes) -> None:
        """Write an object."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType="application/x-pem-file")


def ensure(client: Clients, outputs: Mapping[str, str], now: dt.datetime) -> bool:
    """Make a certificate unless there is one that fits the key and is valid; say whether one was made."""
    place = Place(client, outputs)
    public_key = place.public_key()
    try:
        chain.fitting_chain(chain.read_pem(place.read(CURRENT_KEY)), public_key, now)
    except chain.ChainRefused:
        made = chain.self_issued(
            public_key, place.sign, name=NAME, serial=secrets.randbits(127), at=now, years=YEARS
        )
        _install(place, chain.fitting_chain([made], public_key, now))
        return True
    return False


def install(client: Clients, outputs: Mapping[str, str], pem: bytes, now: dt.datetime) -> None:
    """Seal with this chain from now on. Raises Trouble when it does not fit the key or is not valid."""
    place = Place(client, outputs)
    try:
        found = chain.fitting_chain(chain.read_pem(pem), place.public_key(), now)
    except chain.ChainRefused as error:
        raise Trouble(str(error)) from error
    _install(place, found)


def _install(place: Place, found: chain.Chain) -> None:
    """Published first: nothing is ever sealed with a certificate that is not."""
    published = chain.read_pem(place.read(PUBLISHED_KEY))
    if found.leaf.dump() not in {each.dump() for each in published}:
        place.write(PUBLISHED_KEY, chain.write_pem([*published, found.leaf]))
    place.write(CURRENT_KEY, chain.write_pem(found.certificates))


def request(client: Clients, outputs: Mapping[str, str], name: str) -> bytes:
    """A request for a certificate of the key, PEM."""
    place = Place(client, outputs)
    return chain.signing_request(place.public_key(), place.sign, name=name)


def main() -> int:
    """The command line."""
    from infrastructure import deploy

    parser = argparse.ArgumentParser(description="The certificate that documents are sealed with.")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--chain", type=Path, help="PEM: the certificate, then its issuers")
    parser.add_argument("--name", default=NAME, help="common name to ask a certificate for")
    arguments = parser.parse_args()
    stack = deploy.describe(
        deploy.Target(boto3.client, f"{deploy.APPLICATION}-{arguments.stage}", seconds_between_looks=5.0)
    )
    if stack is None:
        raise Trouble(f"There is no stack for the stage {arguments.stage}.")
    if arguments.chain is None:
        sys.stdout.write(request(boto3.client, stack.outputs, arguments.name).decode())
    else:
        install(boto3.client, stack.outputs, arguments.chain.read_bytes(), dt.datetime.now(dt.UTC))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
