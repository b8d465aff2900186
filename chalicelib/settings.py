"""Everything the environment says, read once and lazily. The only reader of `os.environ`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Settings:
    """What a deployment can set. URLs have no trailing slash; durations are in the unit of their name."""

    stage: str
    region: str
    portal_url: str
    bucket: str
    table_documents: str
    table_events: str
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
    switch_prefix: str
    session_secret: str
    mail_from: str
    fax_domain: str
    support_contact: str
    allow_loopback: bool
    sealing_key_arn: str
    timestamp_authority: str | None


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings of this function; names the variable that is missing."""

    def need(name: str) -> str:
        try:
            return environment[name]
        except KeyError:
            raise LookupError(f"the environment variable {name} is not set") from None

    return Settings(
        stage=need("STAGE"),
        region=need("AWS_REGION"),
        portal_url=need("PORTAL_URL").rstrip("/"),
        bucket=need("BUCKET"),
        table_documents=need("TABLE_DOCUMENTS"),
        table_events=need("TABLE_EVENTS"),
        table_outbox=need("TABLE_OUTBOX"),
        table_deliveries=need("TABLE_DELIVERIES"),
        table_providers=need("TABLE_PROVIDERS"),
        table_practices=need("TABLE_PRACTICES"),
        table_secrets=need("TABLE_SECRETS"),
        table_claims=need("TABLE_CLAIMS"),
        table_requests=need("TABLE_REQUESTS"),
        document_jobs_url=need("DOCUMENT_JOBS_URL"),
        delivery_jobs_url=need("DELIVERY_JOBS_URL"),
        notices_topic=need("NOTICES_TOPIC"),
        inspect_function=need("INSPECT_FUNCTION"),
        switch_prefix=need("SWITCH_PREFIX"),
        session_secret=need("SESSION_SECRET"),
        mail_from=need("MAIL_FROM"),
        fax_domain=need("FAX_DOMAIN"),
        support_contact=need("SUPPORT_CONTACT"),
        allow_loopback=environment.get("ALLOW_LOOPBACK_ENDPOINTS") == "true",
        sealing_key_arn=need("SEALING_KEY_ARN"),
        timestamp_authority=environment.get("TIMESTAMP_AUTHORITY_URL") or None,
    )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of the running function, read at the first call: packaging imports us without them."""
    return from_environment(os.environ)
