"""The settings in the environment variables. No other module reads `os.environ`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Settings:
    """The settings of a deployment. URLs have no trailing slash."""

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
    """Return the settings. Raises `LookupError` with the name of a missing variable."""

    def require(name: str) -> str:
        try:
            return environment[name]
        except KeyError:
            raise LookupError(f"the environment variable {name} is not set") from None

    return Settings(
        stage=require("STAGE"),
        region=require("AWS_REGION"),
        portal_url=require("PORTAL_URL").rstrip("/"),
        bucket=require("BUCKET"),
        table_documents=require("TABLE_DOCUMENTS"),
        table_events=require("TABLE_EVENTS"),
        table_outbox=require("TABLE_OUTBOX"),
        table_deliveries=require("TABLE_DELIVERIES"),
        table_providers=require("TABLE_PROVIDERS"),
        table_practices=require("TABLE_PRACTICES"),
        table_secrets=require("TABLE_SECRETS"),
        table_claims=require("TABLE_CLAIMS"),
        table_requests=require("TABLE_REQUESTS"),
        document_jobs_url=require("DOCUMENT_JOBS_URL"),
        delivery_jobs_url=require("DELIVERY_JOBS_URL"),
        notices_topic=require("NOTICES_TOPIC"),
        inspect_function=require("INSPECT_FUNCTION"),
        switch_prefix=require("SWITCH_PREFIX"),
        session_secret=require("SESSION_SECRET"),
        mail_from=require("MAIL_FROM"),
        fax_domain=require("FAX_DOMAIN"),
        support_contact=require("SUPPORT_CONTACT"),
        allow_loopback=environment.get("ALLOW_LOOPBACK_ENDPOINTS") == "true",
        sealing_key_arn=require("SEALING_KEY_ARN"),
        timestamp_authority=environment.get("TIMESTAMP_AUTHORITY_URL") or None,
    )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of the running function, read at the first call.

    The variables are not set when `chalice package` imports the app.
    """
    return from_environment(os.environ)
