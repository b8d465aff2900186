"""The wiring of services and adapters. Each of them is imported and created at first use, for a fast cold start."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from chalicelib.settings import Settings, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.adapters.aws_clients import Clients
    from chalicelib.domain.deliveries import Channel
    from chalicelib.services import ports
    from chalicelib.services.accounts.account_settings import AccountSettings
    from chalicelib.services.accounts.link_requests import LinkRequests
    from chalicelib.services.accounts.setup_links import SetupLinks
    from chalicelib.services.authentication.known_devices import KnownDevices
    from chalicelib.services.authentication.passkey_options import PasskeyOptions
    from chalicelib.services.authentication.passkeys import Passkeys
    from chalicelib.services.authentication.password_login import Login
    from chalicelib.services.authentication.second_factor import SecondFactor
    from chalicelib.services.authentication.sessions import Sessions
    from chalicelib.services.authentication.source_throttle import SourceThrottle
    from chalicelib.services.delivery.delivery_worker import DeliveryWorker, Sender
    from chalicelib.services.delivery.message_sender import MessageSender
    from chalicelib.services.delivery.practice_deliveries import PracticeDeliveries
    from chalicelib.services.delivery.ses_feedback import SesFeedback
    from chalicelib.services.delivery.settlement import Settlement
    from chalicelib.services.delivery.webhook_release import WebhookRelease
    from chalicelib.services.documents.anchor_job import AnchorJob
    from chalicelib.services.documents.document_moves import DocumentMoves
    from chalicelib.services.documents.document_writer import DocumentWriter
    from chalicelib.services.documents.intake import Intake
    from chalicelib.services.documents.lifecycle_events import LifecycleEvents
    from chalicelib.services.documents.reports import Reports
    from chalicelib.services.pdf_jobs.page_preparation import PagePreparation
    from chalicelib.services.pdf_jobs.seal_job import SealJob
    from chalicelib.services.pdf_jobs.seal_verification import SealVerification
    from chalicelib.services.pdf_jobs.sealer_cache import SealerCache
    from chalicelib.services.practices.admin_actions import AdminActions
    from chalicelib.services.practices.practices import Practices
    from chalicelib.services.practices.request_authentication import RequestAuthentication
    from chalicelib.services.practices.visibility_report import VisibilityReport
    from chalicelib.services.review.by_hand import ByHand
    from chalicelib.services.review.review import Review
    from chalicelib.services.review.unsent_drafts import UnsentDrafts
    from chalicelib.services.scheduling.scheduled_sweep import ScheduledSweep


class Services:
    """The services that routes and event handlers call, with their adapters.

    Tests may replace any service or adapter."""

    def __init__(self, settings: Settings, *, clock: ports.Clock | None = None, ids: ports.Ids | None = None) -> None:
        from chalicelib.adapters.clock import RandomIds, SystemClock

        self.settings = settings
        self.clock: ports.Clock = clock or SystemClock()
        self.ids: ports.Ids = ids or RandomIds()

    # Use cases

    @cached_property
    def sessions(self) -> Sessions:
        from chalicelib.services.authentication.sessions import Sessions

        return Sessions(self.store, self.keys, self.ids, issuer=self.settings.portal_url)

    @cached_property
    def known_devices(self) -> KnownDevices:
        from chalicelib.services.authentication.known_devices import KnownDevices

        return KnownDevices(self.keys, self.ids)

    @cached_property
    def login(self) -> Login:
        from chalicelib.services.authentication.password_login import Login

        return Login(self.store, self.sessions, self.ids)

    @cached_property
    def source_throttle(self) -> SourceThrottle:
        from chalicelib.services.authentication.source_throttle import SourceThrottle

        return SourceThrottle(self.store)

    @cached_property
    def passkeys(self) -> Passkeys:
        from chalicelib.services.authentication.passkeys import Passkeys

        return Passkeys(self.store, self.keys, self.sessions, portal_url=self.settings.portal_url)

    @cached_property
    def passkey_options(self) -> PasskeyOptions:
        from chalicelib.services.authentication.passkey_options import PasskeyOptions

        return PasskeyOptions(self.keys, self.ids, portal_url=self.settings.portal_url)

    @cached_property
    def second_factor(self) -> SecondFactor:
        from chalicelib.services.authentication.second_factor import SecondFactor

        return SecondFactor(self.store, self.sessions, self.passkeys)

    @cached_property
    def account_settings(self) -> AccountSettings:
        from chalicelib.services.accounts.account_settings import AccountSettings

        return AccountSettings(self.store, self.ids, self.sessions, self.passkeys)

    @cached_property
    def setup_links(self) -> SetupLinks:
        from chalicelib.services.accounts.setup_links import SetupLinks

        return SetupLinks(self.store, self.ids)

    @cached_property
    def link_requests(self) -> LinkRequests:
        from chalicelib.services.accounts.link_requests import LinkRequests

        return LinkRequests(self.store, self.ids, self.switches, self.setup_links)

    @cached_property
    def review(self) -> Review:
        from chalicelib.services.review.review import Review

        return Review(self.document_writer, self.switches)

    @cached_property
    def by_hand(self) -> ByHand:
        from chalicelib.services.review.by_hand import ByHand

        return ByHand(self.document_writer, self.files, self.inspector)

    @cached_property
    def seal_verification(self) -> SealVerification:
        from chalicelib.services.pdf_jobs.seal_verification import SealVerification

        return SealVerification(
            store=self.store,
            files=self.files,
            inspector=self.inspector,
            ids=self.ids,
            portal_url=self.settings.portal_url,
            authorities=self.settings.timestamp_pins,
        )

    @cached_property
    def sealer_cache(self) -> SealerCache:
        from chalicelib.services.pdf_jobs.sealer_cache import SealerCache

        return SealerCache(self.files, self.seal_key, self.timestamp_authority, self.settings.timestamp_pins)

    @property
    def page_preparation(self) -> PagePreparation:
        from chalicelib.services.pdf_jobs.page_preparation import PagePreparation

        return PagePreparation(store=self.store, files=self.files, clock=self.clock)

    @property
    def seal_job(self) -> SealJob:
        from chalicelib.services.pdf_jobs.seal_job import SealJob

        return SealJob(
            self.document_writer,
            files=self.files,
            clock=self.clock,
            sealer_cache=self.sealer_cache,
            wants_timestamp=self.settings.timestamp_authority is not None,
        )

    @property
    def anchor_job(self) -> AnchorJob:
        from chalicelib.services.documents.anchor_job import AnchorJob

        return AnchorJob(
            store=self.store,
            files=self.files,
            clock=self.clock,
            key=self.seal_key,
            authority=self.timestamp_authority,
            pins=self.settings.timestamp_pins,
        )

    @property
    def practice_deliveries(self) -> PracticeDeliveries:
        from chalicelib.services.delivery.practice_deliveries import PracticeDeliveries

        return PracticeDeliveries(self.document_writer)

    @property
    def delivery_worker(self) -> DeliveryWorker:
        from chalicelib.services.delivery.delivery_worker import DeliveryWorker

        return DeliveryWorker(
            store=self.store,
            queues=self.queues,
            clock=self.clock,
            ids=self.ids,
            senders=self.senders,
            settlement=self._settlement,
            webhook_release=self.webhook_release,
        )

    @property
    def webhook_release(self) -> WebhookRelease:
        from chalicelib.services.delivery.webhook_release import WebhookRelease

        return WebhookRelease(store=self.store, ids=self.ids, clock=self.clock)

    @property
    def ses_feedback(self) -> SesFeedback:
        from chalicelib.services.delivery.ses_feedback import SesFeedback

        return SesFeedback(
            store=self.store, queues=self.queues, clock=self.clock, ids=self.ids, settlement=self._settlement
        )

    @property
    def senders(self) -> Mapping[Channel, Callable[[], Sender]]:
        """A function per delivery channel (`domain/deliveries.py`), which imports and returns the sender."""
        from chalicelib.domain.deliveries import Channel

        return {
            Channel.EMAIL: self._emails,
            Channel.FAX: self._faxes,
            Channel.WEBHOOK: self._webhooks,
            Channel.NOTICE: self._staff_notices,
        }

    def _emails(self) -> Sender:
        from chalicelib.services.delivery.emails import Emails

        return self._message_sender(Emails)

    def _faxes(self) -> Sender:
        from chalicelib.services.delivery.faxes import Faxes

        return self._message_sender(Faxes)

    def _message_sender(self, sender: type[MessageSender]) -> Sender:
        return sender(
            store=self.store,
            files=self.files,
            mailer=self.mailer,
            switches=self.switches,
            clock=self.clock,
            ids=self.ids,
            setup_links=self.setup_links,
            settings=self.settings,
        )

    def _webhooks(self) -> Sender:
        from chalicelib.services.delivery.webhooks import Webhooks

        return Webhooks(store=self.store, clock=self.clock, ids=self.ids, http=self.webhook_sender)

    def _staff_notices(self) -> Sender:
        from chalicelib.services.delivery.staff_notices import StaffNotices

        return StaffNotices(self.notifier)

    @property
    def _settlement(self) -> Settlement:
        from chalicelib.services.delivery.settlement import Settlement

        return Settlement(self.document_writer)

    @cached_property
    def intake(self) -> Intake:
        from chalicelib.services.documents.intake import Intake

        return Intake(self.document_writer, files=self.files, inspector=self.inspector, switches=self.switches)

    @cached_property
    def lifecycle_events(self) -> LifecycleEvents:
        from chalicelib.services.documents.lifecycle_events import LifecycleEvents

        return LifecycleEvents(self.document_writer, self.switches)

    @property
    def visibility_report(self) -> VisibilityReport:
        from chalicelib.services.practices.visibility_report import VisibilityReport

        return VisibilityReport(self.store, self.ids, self.clock)

    @property
    def document_moves(self) -> DocumentMoves:
        from chalicelib.services.documents.document_moves import DocumentMoves

        return DocumentMoves(self.document_writer, self.clock)

    @cached_property
    def reports(self) -> Reports:
        from chalicelib.services.documents.reports import Reports

        return Reports(self.store, self.files)

    @cached_property
    def unsent_drafts(self) -> UnsentDrafts:
        from chalicelib.services.review.unsent_drafts import UnsentDrafts

        return UnsentDrafts(self.store, self.ids)

    @cached_property
    def request_authentication(self) -> RequestAuthentication:
        from chalicelib.services.practices.request_authentication import RequestAuthentication

        return RequestAuthentication(self.store)

    @cached_property
    def practices(self) -> Practices:
        from chalicelib.services.practices.practices import Practices

        return Practices(self.store, self.switches, self.ids)

    @cached_property
    def admin_actions(self) -> AdminActions:
        from chalicelib.services.practices.admin_actions import AdminActions

        return AdminActions(
            practices=self.practices,
            files=self.files,
            store=self.store,
            switches=self.switches,
            session_key_rotation=self.session_key_rotation,
            ids=self.ids,
            clock=self.clock,
            visibility_report=self.visibility_report,
            fax_countries=self.settings.fax_countries,
        )

    @cached_property
    def scheduled_sweep(self) -> ScheduledSweep:
        from chalicelib.services.scheduling.scheduled_sweep import ScheduledSweep

        return ScheduledSweep(self.document_writer, queues=self.queues, files=self.files, clock=self.clock)

    @cached_property
    def document_writer(self) -> DocumentWriter:
        from chalicelib.services.documents.document_writer import DocumentWriter

        return DocumentWriter(store=self.store, ids=self.ids, portal_url=self.settings.portal_url)

    # Adapters

    @cached_property
    def clients(self) -> Clients:
        from chalicelib.adapters.aws_clients import Clients

        return Clients(self.settings.region)

    @cached_property
    def store(self) -> ports.Store:
        from chalicelib.adapters.dynamodb_store import DynamoStore
        from chalicelib.adapters.dynamodb_tables import bind

        return DynamoStore(bind(self.settings))

    @cached_property
    def files(self) -> ports.Files:
        from chalicelib.adapters.s3_files import S3Files

        return S3Files(self.clients, self.settings.bucket, self.settings.evidence_bucket)

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
    def switches(self) -> ports.Switches:
        from chalicelib.adapters.ssm_switches import SsmSwitches

        return SsmSwitches(self.clients, self.settings.switch_prefix, self.clock)

    @cached_property
    def inspector(self) -> ports.Inspector:
        from chalicelib.adapters.lambda_inspector import LambdaInspector

        return LambdaInspector(self.clients, self.settings.inspect_function, partial(self.files.url, seconds=60))

    @cached_property
    def keys(self) -> ports.Keys:
        from chalicelib.adapters.secretsmanager_keys import SecretsManagerKeys

        return SecretsManagerKeys(self.clients, self.settings.session_secret, self.clock)

    @cached_property
    def session_key_rotation(self) -> ports.SessionKeyRotation:
        from chalicelib.adapters.secretsmanager_keys import SecretsManagerKeyRotation

        return SecretsManagerKeyRotation(self.clients, self.settings.session_secret)

    @cached_property
    def seal_key(self) -> ports.SealKey:
        from chalicelib.adapters.kms_seal_key import KmsSealKey

        return KmsSealKey(self.clients, self.settings.sealing_key_arn)

    @cached_property
    def timestamp_authority(self) -> ports.TimestampAuthority | None:
        from chalicelib.adapters.timestamp_authority import HttpTimestampAuthority

        url = self.settings.timestamp_authority
        return HttpTimestampAuthority(url, allow_loopback=self.settings.allow_loopback) if url else None

    @cached_property
    def mailer(self) -> ports.Mailer:
        from chalicelib.adapters.ses_mailer import SesMailer

        return SesMailer(self.clients, self.settings.mail_from)

    @cached_property
    def notifier(self) -> ports.Notifier:
        from chalicelib.adapters.sns_notifier import SnsNotifier

        return SnsNotifier(self.clients, self.settings.notices_topic)

    @cached_property
    def webhook_sender(self) -> ports.WebhookSender:
        from chalicelib.adapters.webhook_http_client import HttpsWebhookSender

        return HttpsWebhookSender(allow_loopback=self.settings.allow_loopback)


_installed: list[Services] = []


def services() -> Services:
    """Return the services of the running function. The first call creates them."""
    if not _installed:
        _installed.append(Services(settings()))
    return _installed[0]


def install(replacement: Services | None) -> None:
    """Set the services that `services()` returns, for tests. None restores the normal services."""
    _installed[:] = [replacement] if replacement else []
