"""A practice: the clinic that sends documents. Its setting Electronic Signature is an SSM parameter and not a field."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.certification.facts import PayerKind


@dataclass(frozen=True, kw_only=True)
class Logo:
    """A practice's logo: its key in the bucket, and its size in pixels."""

    key: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class PracticeCard:
    """The details of a document's practice, as they were when the document was sent.

    Each document has a copy of these details, so that a list of documents can be shown without the practices' rows."""

    name: str
    phone: str | None = None
    fax: str | None = None
    time_zone: str = "America/New_York"
    logo: Logo | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The URL at which the practice's EMR receives webhooks.

    `disabled_at` is set by a response 410 or by a long series of failures. `failing_since` is the time of the
    first failure after the last success. `failing` are the ids of the first few deliveries that failed after
    `failing_since`."""

    url: str
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A stored API key of a practice: its SHA-256 (hex), its first characters as a hint, and its expiry."""

    sha256: str
    hint: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookSecret:
    """A secret that signs webhooks (`whsec_…`). After a rotation, the previous secret stays valid for a day."""

    value: str
    created_at: datetime
    expires_at: datetime | None = None


def is_live(credential: ApiKey | WebhookSecret, now: datetime) -> bool:
    return credential.expires_at is None or credential.expires_at > now


@dataclass(frozen=True, kw_only=True)
class Practice:
    """`fax_tokens` are the random parts of the addresses to which a fax service forwards faxes, newest first."""

    id: str
    version: int
    name: str
    created_at: datetime
    phone: str | None = None
    fax: str | None = None
    reply_to: str | None = None
    time_zone: str = "America/New_York"
    endpoint: Endpoint | None = None
    api_keys: tuple[ApiKey, ...] = ()
    webhook_secrets: tuple[WebhookSecret, ...] = ()
    logo: Logo | None = None
    default_payer: PayerKind | None = None
    fax_tokens: tuple[str, ...] = ()

    @property
    def live_endpoint(self) -> Endpoint | None:
        """The practice's webhook endpoint, or None if the practice has none or the endpoint is disabled."""
        return self.endpoint if self.endpoint is not None and self.endpoint.disabled_at is None else None

    def card(self) -> PracticeCard:
        return PracticeCard(name=self.name, phone=self.phone, fax=self.fax, time_zone=self.time_zone, logo=self.logo)

    def live_secrets(self, now: datetime) -> tuple[str, ...]:
        """Return the webhook secrets that are valid now, newest first.

        With these secrets, the portal signs webhooks to the EMR, and the EMR signs requests to the portal."""
        live = [s for s in self.webhook_secrets if is_live(s, now)]
        return tuple(s.value for s in sorted(live, key=lambda s: s.created_at, reverse=True))

    def accepts_key(self, sha256: str, now: datetime) -> bool:
        return any(k.sha256 == sha256 and is_live(k, now) for k in self.api_keys)
