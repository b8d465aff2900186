"""The wiring of the app: which services and adapters exist, and which objects each constructor gets.

An object is imported and created at its first use, so that a Lambda function starts fast. The names do the wiring: a
service's constructor gets the attributes of `Services` that its parameters name."""

from __future__ import annotations

from functools import cached_property, partial
from importlib import import_module
from inspect import Parameter, signature
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from chalicelib.settings import Settings, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from chalicelib.adapters.aws_clients import Clients
    from chalicelib.domain.deliveries import Channel
    from chalicelib.services import ports
    from chalicelib.services.accounts.account_administration import AccountAdministration
    from chalicelib.services.accounts.account_changes import AccountWriter
    from chalicelib.services.accounts.account_emails import AccountEmails
    from chalicelib.services.accounts.account_settings import AccountSettings
    from chalicelib.services.accounts.assistance import Assistance
    from chalicelib.services.accounts.assistant_invitations import Invitations
    from chalicelib.services.accounts.assistant_list import AssistantList
    from chalicelib.services.accounts.guest_accounts import GuestAccounts
    from chalicelib.services.accounts.link_requests import LinkRequests
    from chalicelib.services.accounts.new_logins import NewLogins
    from chalicelib.services.accounts.reminder_settings import ReminderSettings
    from chalicelib.services.accounts.setup_links import SetupLinks
    from chalicelib.services.authentication.known_devices import KnownDevices
    from chalicelib.services.authentication.passkey_options import PasskeyOptions
    from chalicelib.services.authentication.passkeys import Passkeys
    from chalicelib.services.authentication.password_login import Login
    from chalicelib.services.authentication.second_factor import SecondFactor
    from chalicelib.services.authentication.sessions import Sessions
    from chalicelib.services.authentication.source_throttle import SourceThrottle
    from chalicelib.services.delivery.carrier_faxes import CarrierFaxes
    from chalicelib.services.delivery.delivery_worker import DeliveryWorker, Sender
    from chalicelib.services.delivery.emails import Emails
    from chalicelib.services.delivery.fax_reports import FaxReports
    from chalicelib.services.delivery.faxes import Faxes
    from chalicelib.services.delivery.joint_emails import JointEmails
    from chalicelib.services.delivery.practice_deliveries import PracticeDeliveries
    from chalicelib.services.delivery.ses_feedback import SesFeedback
    from chalicelib.services.delivery.settlement import Settlement
    from chalicelib.services.delivery.staff_notices import StaffNotices
    from chalicelib.services.delivery.webhook_release import WebhookRelease
    from chalicelib.services.delivery.webhooks import Webhooks
    from chalicelib.services.documents.anchor_job import AnchorJob
    from chalicelib.services.documents.document_moves import DocumentMoves
    from chalicelib.services.documents.document_writer import DocumentWriter
    from chalicelib.services.documents.intake import Intake
    from chalicelib.services.documents.lifecycle_events import LifecycleEvents
    from chalicelib.services.documents.reports import Reports
    from chalicelib.services.documents.silent_providers import SilentProvidersReport
    from chalicelib.services.documents.staff_reports import StaffReports
    from chalicelib.services.pdf_jobs.page_preparation import PagePreparation
    from chalicelib.services.pdf_jobs.seal_job import SealJob
    from chalicelib.services.pdf_jobs.seal_verification import SealVerification
    from chalicelib.services.pdf_jobs.sealer_cache import SealerCache
    from chalicelib.services.practices.admin_actions import AdminActions
    from chalicelib.services.practices.practices import Practices
    from chalicelib.services.practices.request_authentication import RequestAuthentication
    from chalicelib.services.practices.visibility_report import VisibilityReport
    from chalicelib.services.proof.proof_job import ProofJob
    from chalicelib.services.proof.proofs import Proofs
    from chalicelib.services.registry.npi_registry import NpiRegistry
    from chalicelib.services.reminders.reminder_stops import ReminderStops
    from chalicelib.services.returned_faxes.fax_keeping import FaxKeeper
    from chalicelib.services.returned_faxes.fax_mail_reception import FaxMailReception
    from chalicelib.services.returned_faxes.fax_mail_reports import FaxMailReports
    from chalicelib.services.returned_faxes.fax_reception import FaxReception
    from chalicelib.services.returned_faxes.received_faxes import ReceivedFaxes
    from chalicelib.services.review.assistant_acts import AssistantActs
    from chalicelib.services.review.by_hand import ByHand
    from chalicelib.services.review.fax_documents import FaxDocuments
    from chalicelib.services.review.guest_signing import GuestSigning
    from chalicelib.services.review.hand_overs import HandOvers
    from chalicelib.services.review.read_marks import ReadMarks
    from chalicelib.services.review.review import Review
    from chalicelib.services.review.scan_previews import ScanPreviews
    from chalicelib.services.review.scans import Scans
    from chalicelib.services.review.signing_several import SigningSeveral
    from chalicelib.services.review.unsent_drafts import UnsentDrafts
    from chalicelib.services.review.wrong_numbers import WrongNumbers
    from chalicelib.services.scheduling.follow_ups import FollowUps
    from chalicelib.services.scheduling.scheduled_sweep import ScheduledSweep


class _Part:
    """A descriptor of an attribute of `Services`. At first use it creates an object of the class `kind`.

    An empty `kind` means the class in the attribute's annotation. Each required parameter of the constructor gets the
    attribute of `Services` with the same name. `names` maps a parameter to an attribute with another name, and gives
    optional parameters a value."""

    def __init__(self, module: str, kind: str, names: Mapping[str, str]) -> None:
        self._module, self._kind, self._names = f"chalicelib.{module}", kind, names

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._kind = name, self._kind or owner.__annotations__[name]

    def __get__(self, services: Services, _: object = None) -> Any:
        create = getattr(import_module(self._module), self._kind)
        parameters = signature(create).parameters.values()
        required = {parameter.name: parameter.name for parameter in parameters if parameter.default is Parameter.empty}
        places = {**required, **self._names}
        part = create(**{name: attrgetter(place)(services) for name, place in places.items()})
        return services.__dict__.setdefault(self._name, part)


def _service(module: str, **names: str) -> Any:
    return _Part(f"services.{module}", "", names)


def _adapter(module: str, kind: str, **names: str) -> Any:
    return _Part(f"adapters.{module}", kind, names)


class Services:
    """The container of the app's services and adapters, from which routes and event handlers get them.

    Every attribute is created at first use. A test may set an attribute to a replacement."""

    anchor_job: AnchorJob = _service(
        "documents.anchor_job", key="seal_key", authority="timestamp_authority", pins="settings.timestamp_pins"
    )
    intake: Intake = _service("documents.intake", writer="document_writer")
    npi_registry: NpiRegistry = _service("registry.npi_registry")
    lifecycle_events: LifecycleEvents = _service("documents.lifecycle_events", writer="document_writer")
    staff_reports: StaffReports = _service("documents.staff_reports", writer="document_writer")
    document_moves: DocumentMoves = _service("documents.document_moves", writer="document_writer")
    reports: Reports = _service("documents.reports")
    proofs: Proofs = _service("proof.proofs")
    silent_providers: SilentProvidersReport = _service("documents.silent_providers")
    proof_job: ProofJob = _service("proof.proof_job", portal_url="settings.portal_url")
    document_writer: DocumentWriter = _service("documents.document_writer", portal_url="settings.portal_url")

    review: Review = _service("review.review", writer="document_writer")
    read_marks: ReadMarks = _service("review.read_marks")
    signing_several: SigningSeveral = _service("review.signing_several")
    by_hand: ByHand = _service("review.by_hand", writer="document_writer")
    scans: Scans = _service("review.scans", writer="document_writer")
    scan_previews: ScanPreviews = _service("review.scan_previews")
    assistant_acts: AssistantActs = _service("review.assistant_acts", writer="document_writer")
    guest_signing: GuestSigning = _service("review.guest_signing", writer="document_writer")
    hand_overs: HandOvers = _service("review.hand_overs", writer="document_writer")
    fax_documents: FaxDocuments = _service("review.fax_documents", writer="document_writer")
    wrong_numbers: WrongNumbers = _service("review.wrong_numbers", writer="document_writer")
    unsent_drafts: UnsentDrafts = _service("review.unsent_drafts")

    sessions: Sessions = _service("authentication.sessions", issuer="settings.portal_url")
    known_devices: KnownDevices = _service("authentication.known_devices")
    login: Login = _service("authentication.password_login")
    source_throttle: SourceThrottle = _service("authentication.source_throttle")
    passkeys: Passkeys = _service("authentication.passkeys", portal_url="settings.portal_url")
    passkey_options: PasskeyOptions = _service("authentication.passkey_options", portal_url="settings.portal_url")
    second_factor: SecondFactor = _service("authentication.second_factor")

    account_administration: AccountAdministration = _service("accounts.account_administration")
    account_settings: AccountSettings = _service("accounts.account_settings", writer="account_writer")
    account_writer: AccountWriter = _service("accounts.account_changes")
    account_emails: AccountEmails = _service("accounts.account_emails", writer="account_writer")
    setup_links: SetupLinks = _service("accounts.setup_links")
    new_logins: NewLogins = _service("accounts.new_logins")
    guest_accounts: GuestAccounts = _service("accounts.guest_accounts")
    link_requests: LinkRequests = _service("accounts.link_requests")

    reminder_settings: ReminderSettings = _service(
        "accounts.reminder_settings", writer="account_writer", fax_countries="settings.fax_countries"
    )
    assistance: Assistance = _service("accounts.assistance")
    assistant_list: AssistantList = _service("accounts.assistant_list", writer="account_writer")
    invitations: Invitations = _service("accounts.assistant_invitations")

    visibility_report: VisibilityReport = _service("practices.visibility_report")
    request_authentication: RequestAuthentication = _service("practices.request_authentication")
    practices: Practices = _service("practices.practices", fax_mail_domain="settings.fax_mail_domain")
    admin_actions: AdminActions = _service("practices.admin_actions", fax_countries="settings.fax_countries")

    practice_deliveries: PracticeDeliveries = _service("delivery.practice_deliveries", writer="document_writer")
    delivery_worker: DeliveryWorker = _service("delivery.delivery_worker")
    webhook_release: WebhookRelease = _service("delivery.webhook_release")
    ses_feedback: SesFeedback = _service("delivery.ses_feedback")
    settlement: Settlement = _service("delivery.settlement", writer="document_writer")
    reminder_stops: ReminderStops = _service("reminders.reminder_stops", writer="document_writer")
    joint_emails: JointEmails = _service("delivery.joint_emails")
    emails: Emails = _service("delivery.emails")
    faxes: Faxes = _service("delivery.faxes")
    carrier_faxes: CarrierFaxes = _service("delivery.carrier_faxes", carrier="fax_carrier")
    fax_reports: FaxReports = _service("delivery.fax_reports", faxes="carrier_faxes")
    fax_keeper: FaxKeeper = _service("returned_faxes.fax_keeping", writer="document_writer")
    fax_reception: FaxReception = _service("returned_faxes.fax_reception", carrier="fax_carrier", keeper="fax_keeper")
    fax_mail_reports: FaxMailReports = _service(
        "returned_faxes.fax_mail_reports", fax_mail_domain="settings.fax_mail_domain"
    )
    fax_mail_reception: FaxMailReception = _service("returned_faxes.fax_mail_reception", keeper="fax_keeper")
    received_faxes: ReceivedFaxes = _service("returned_faxes.received_faxes", writer="document_writer")
    emr_webhooks: Webhooks = _service("delivery.webhooks", http="webhook_sender")
    staff_notices: StaffNotices = _service("delivery.staff_notices")

    seal_verification: SealVerification = _service(
        "pdf_jobs.seal_verification", portal_url="settings.portal_url", authorities="settings.timestamp_pins"
    )
    sealer_cache: SealerCache = _service(
        "pdf_jobs.sealer_cache", key="seal_key", authority="timestamp_authority", pins="settings.timestamp_pins"
    )
    page_preparation: PagePreparation = _service("pdf_jobs.page_preparation")
    seal_job: SealJob = _service("pdf_jobs.seal_job", writer="document_writer")

    follow_ups: FollowUps = _service("scheduling.follow_ups", writer="document_writer")
    scheduled_sweep: ScheduledSweep = _service("scheduling.scheduled_sweep", writer="document_writer")

    clients: Clients = _adapter("aws_clients", "Clients", region="settings.region")
    files: ports.Files = _adapter(
        "s3_files", "S3Files", bucket="settings.bucket", evidence_bucket="settings.evidence_bucket"
    )
    switches: ports.Switches = _adapter("ssm_switches", "SsmSwitches", prefix="settings.switch_prefix")
    keys: ports.Keys = _adapter(
        "secretsmanager_keys",
        "SecretsManagerKeys",
        secret_id="settings.session_secret",  # noqa: S106 - the name of a setting
    )
    session_key_rotation: ports.SessionKeyRotation = _adapter(
        "secretsmanager_keys",
        "SecretsManagerKeyRotation",
        secret_id="settings.session_secret",  # noqa: S106 - the name of a setting
    )
    # Jobs wait for `pdf`, and people for `quick_pdf`.
    pdf: ports.PdfFunction = _adapter(
        "lambda_functions", "LambdaPdf", client="clients.slow_functions", function="settings.pdf_function"
    )
    quick_pdf: ports.PdfFunction = _adapter(
        "lambda_functions", "LambdaPdf", client="clients.functions", function="settings.inspect_function"
    )
    seal_key: ports.SealKey = _adapter("kms_seal_key", "KmsSealKey", key_id="settings.sealing_key_arn")
    mailer: ports.Mailer = _adapter("ses_mailer", "SesMailer", sender="settings.mail_from")
    notifier: ports.Notifier = _adapter("sns_notifier", "SnsNotifier", topic="settings.notices_topic")
    webhook_sender: ports.WebhookSender = _adapter(
        "webhook_http_client", "HttpsWebhookSender", allow_loopback="settings.allow_loopback"
    )

    def __init__(self, settings: Settings, *, clock: ports.Clock | None = None, ids: ports.Ids | None = None) -> None:
        from chalicelib.adapters.clock import RandomIds, SystemClock

        self.settings = settings
        self.clock: ports.Clock = clock or SystemClock()
        self.ids: ports.Ids = ids or RandomIds()

    @property
    def never_repeating(self) -> Collection[Channel]:
        """The delivery channels whose carrier cannot recognize a repeated message: fax, if a fax carrier is configured.

        If an attempt on such a channel has no result, the portal asks the carrier instead of sending the message
        again."""
        from chalicelib.domain.deliveries import Channel

        return (Channel.FAX,) if self.settings.fax_carrier else ()

    @property
    def senders(self) -> Mapping[Channel, Callable[[], Sender]]:
        """The senders of the delivery worker: a function per delivery channel, which returns the service that sends."""
        from chalicelib.domain.deliveries import Channel

        return {
            Channel.EMAIL: lambda: self.emails,
            Channel.FAX: lambda: self.carrier_faxes if self.settings.fax_carrier else self.faxes,
            Channel.WEBHOOK: lambda: self.emr_webhooks,
            Channel.NOTICE: lambda: self.staff_notices,
        }

    # Adapters

    @cached_property
    def store(self) -> ports.Store:
        from chalicelib.adapters.dynamodb_store import DynamoStore
        from chalicelib.adapters.dynamodb_tables import bind

        return DynamoStore(bind(self.settings))

    @cached_property
    def queues(self) -> ports.Queues:
        from chalicelib.adapters.sqs_queues import SqsQueues
        from chalicelib.domain.jobs import QueueName

        urls = {
            QueueName.DOCUMENTS: self.settings.document_jobs_url,
            QueueName.DELIVERIES: self.settings.delivery_jobs_url,
        }
        return SqsQueues(self.clients, urls)

    @cached_property
    def inspector(self) -> ports.Inspector:
        from chalicelib.adapters.lambda_functions import LambdaInspector

        return LambdaInspector(self.clients, self.settings.inspect_function, partial(self.files.url, seconds=60))

    @cached_property
    def timestamp_authority(self) -> ports.TimestampAuthority | None:
        from chalicelib.adapters.timestamp_authority import HttpTimestampAuthority

        url = self.settings.timestamp_authority
        return HttpTimestampAuthority(url) if url else None

    @cached_property
    def fax_carrier(self) -> ports.FaxCarrier:
        from chalicelib.adapters.secretsmanager_keys import read_secret_once
        from chalicelib.adapters.telnyx_fax_carrier import TelnyxFaxCarrier

        account = self.settings.fax_carrier
        if account is None:
            raise LookupError("this installation has no fax carrier")
        return TelnyxFaxCarrier(
            account,
            webhook_url=f"{self.settings.portal_url}/fax/telnyx",
            key=read_secret_once(self.clients, account.secret),
        )


_installed: list[Services] = []


def services() -> Services:
    """Return the `Services` container of the running Lambda function. The first call creates the container."""
    if not _installed:
        _installed.append(Services(settings()))
    return _installed[0]


def install(replacement: Services | None) -> None:
    """Make `services()` return this container, for tests. With None, the next call creates a normal container."""
    _installed[:] = [replacement] if replacement else []
