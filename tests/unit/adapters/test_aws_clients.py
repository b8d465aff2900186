"""Test that presigned URLs and forms name the host of the bucket's region. No request is sent."""

from urllib.parse import urlsplit

import pytest

from chalicelib.adapters.aws_clients import Clients
from chalicelib.adapters.s3_files import S3Files
from chalicelib.services.ports import EVIDENCE

BUCKET = "portal-prod-bucket-1a2b3c"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def presigned_hosts(region: str) -> list[str]:
    """Return three addresses for a bucket in this region, whose hosts must be the same.

    They are a presigned URL (without its query), the URL of an upload form, and the origin that pages allow for
    files."""
    files = S3Files(Clients(region), BUCKET, "evidence")
    link = urlsplit(files.url("originals/a", seconds=60))
    form = urlsplit(files.upload_form("uploads/a", max_bytes=10, seconds=60)[0])
    return [f"{link.scheme}://{link.netloc}{link.path}", f"{form.scheme}://{form.netloc}", files.origin()]


@pytest.mark.parametrize("region", ["us-east-1", "us-east-2", "us-west-2"])
def test_presigned_urls_contain_the_region(region: str) -> None:
    """The global S3 host redirects to the region of the bucket, and a redirect breaks a signed request."""
    host = f"https://{BUCKET}.s3.{region}.amazonaws.com"
    assert presigned_hosts(region) == [f"{host}/originals/a", host, host]


def test_a_presigned_url_of_evidence_names_its_bucket() -> None:
    files = S3Files(Clients("us-east-2"), BUCKET, "evidence-1")
    link = files.url(f"{EVIDENCE}signed/a", seconds=60)
    assert link.startswith("https://evidence-1.s3.us-east-2.amazonaws.com/evidence/signed/a?")


def test_presigned_urls_of_the_local_aws_have_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    host = "http://127.0.0.1:4566"
    assert presigned_hosts("us-east-1") == [f"{host}/{BUCKET}/originals/a", host, host]
