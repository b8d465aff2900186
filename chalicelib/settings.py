"""The deployment's settings, read from environment variables. No other module reads `os.environ`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, kw_only=True)
class FaxCarrierSettings:
    """The installation's account at the fax carrier (the service that sends faxes), and the URL of the carrier's API.

    `secret` is the id of the Secrets Manager secret with the API key. `public_key` (base64) checks the signatures of
    the carrier's reports. `sender` is the number from which faxes come."""

    url: str
    secret: str
    connection_id: str
    sender: str
    public_key: str


@dataclass(frozen=True)
class Settings:
    """The settings of a deployment: names of AWS resources, URLs, and options. `portal_url` has no trailing slash.

    `timestamp_pins` are the SHA-256 fingerprints (hex) of the timestamp authority's certificates. `fax_carrier` is None
    if the email-to-fax gateway at `fax_domain` sends the faxes. With `sends_at_any_hour`, faxes and reminders leave at
    night, on weekends and on holidays too, which is only for the local run. `notice_wait_seconds` is the time for which
    the announcement of a document waits for other documents, to announce them in one email. `fax_mail_domain` is the
    domain of the addresses to which clinics' fax services forward faxes, or empty."""

    stage: str
    region: str
    portal_url: str
    bucket: str
    evidence_bucket: str
    table_documents: str
    table_events: str
    table_account_events: str
    table_outbox: str
    table_deliveries: str
    table_providers: str
    table_practices: str
    table_secrets: str
    table_claims: str
    table_requests: str
    document_jobs_url: str
    delivery_jobs_url: str
    notices_topic: str
    inspect_function: str
    pdf_function: str
    switch_prefix: str
    session_secret: str
    mail_from: str
    fax_domain: str
    support_contact: str
    allow_loopback: bool
    sealing_key_arn: str
    timestamp_authority: str | None
    timestamp_pins: tuple[str, ...]
    fax_countries: tuple[str, ...]
    fax_carrier: FaxCarrierSettings | None
    sends_at_any_hour: bool
    notice_wait_seconds: int
    fax_mail_domain: str


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Return the settings in the environment variables. Raises `LookupError` with the name of a missing variable."""
    pins = environment.get("TIMESTAMP_AUTHORITY_PINS", "")
    optional: dict[str, Any] = {
        "allow_loopback": environment.get("ALLOW_LOOPBACK_ENDPOINTS") == "true",
        "timestamp_authority": environment.get("TIMESTAMP_AUTHORITY_URL") or None,
        "timestamp_pins": tuple(filter(None, pins.lower().replace(":", "").split(","))),
        "fax_countries": tuple(environment.get("FAX_COUNTRIES", "US,CA").split(",")),
        "fax_carrier": _fax_carrier(environment),
        "sends_at_any_hour": environment.get("SENDS_AT_ANY_HOUR") == "true",
        "notice_wait_seconds": int(environment.get("NOTICE_WAIT_SECONDS", "0")),
        "fax_mail_domain": environment.get("FAX_MAIL_DOMAIN", "").lower(),
    }
    values = {}
    for name in (field.name for field in fields(Settings) if field.name not in optional):
        variable = "AWS_REGION" if name == "region" else name.upper()
        if variable not in environment:
            raise LookupError(f"the environment variable {variable} is not set")
        values[name] = environment[variable]
    return Settings(**{**values, **optional, "portal_url": values["portal_url"].rstrip("/")})


def _fax_carrier(environment: Mapping[str, str]) -> FaxCarrierSettings | None:
    if not environment.get("FAX_CARRIER_SECRET"):
        return None
    return FaxCarrierSettings(
        url=environment["FAX_CARRIER_URL"],
        secret=environment["FAX_CARRIER_SECRET"],
        connection_id=environment["FAX_CONNECTION_ID"],
        sender=environment["FAX_SENDER"],
        public_key=environment["FAX_CARRIER_PUBLIC_KEY"],
    )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of the running Lambda function. Only the first call reads the environment variables.

    They are not read at import, because `chalice package` imports the app without these variables."""
    return from_environment(os.environ)
