"""Emails to providers. An email is composed only when it is sent, so that its link or code is fresh.

No subject, sender, link or text of an email contains anything about a patient (privacy law)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from chalicelib.domain.account_events import AccountEventType
from chalicelib.domain.claim_keys import email_claim
from chalicelib.domain.deliveries import MessageType
from chalicelib.domain.delivery_attempts import AttemptResult
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import MessageOutdated
from chalicelib.domain.expiring_records import CODE_LIFETIME, LINK_LIFETIME
from chalicelib.domain.providers import without_typed_name
from chalicelib.services.accounts.address_codes import AddressCodes
from chalicelib.services.accounts.assistant_invitations import Invitations
from chalicelib.services.delivery.email_parts import (
    format_moment,
    format_time_of_day,
    list_facts,
    read_logo,
    reader_zone,
)
from chalicelib.services.delivery.joint_emails import JointEmails
from chalicelib.services.delivery.message_sender import PORTAL, MessageFacts, MessageSender
from chalicelib.services.delivery.mime import Mail
from chalicelib.services.delivery.support_reports import SUPPORT_REPORTS
from chalicelib.services.labels import duration
from chalicelib.services.lookups import require_practice
from chalicelib.services.normalization import display_phone
from chalicelib.services.reminders.reminder_contents import describe_waiting, find_due, find_waiting
from chalicelib.services.reminders.reminder_rows import hand_over
from chalicelib.services.reminders.reminder_stops import ReminderStops
from chalicelib.services.stopped_reminders import is_stopped

_ANNOUNCEMENT = "{practice}: {announcement}"
_WAITS = "a document is waiting for your signature"
ENVELOPES: Mapping[str, tuple[str, str]] = {
    "document_ready": (_ANNOUNCEMENT, "For {for}: {document}, due {due}."),
    "document_ready_by_hand": (_ANNOUNCEMENT, "For {for}: {document}, due {due}. Print it, sign it and send it back."),
    "documents_ready": ("{headline}: {practice}", "For {for}. Review and sign them online, or on paper."),
    "setup": ("{for}: Set up your password for Provider Portal", "The link expires in {link_lifetime}."),
    "reset": ("{for}: Choose a new password for Provider Portal", "The link expires in {link_lifetime}."),
    "by_hand_code": ("{practice}: your code to open a document", "For {for}. The code expires in {code_lifetime}."),
    "account_ready": ("Your account on Provider Portal is ready", "Your documents are in one place."),
    "decided_elsewhere": ("A decision was recorded on a document in your account", "If this wasn't you, act now."),
    "new_address": ("Confirm your new email address for Provider Portal", "The link expires in {link_lifetime}."),
    "account_by_support": ("{change}", "If you didn't expect this, contact us."),
    "address_code": ("Your code to add an email address", "The code expires in {code_lifetime}."),
    "address_taken": ("Someone tried to add your email address", "Your account has not changed."),
    "reminder": ("{headline}: {clinic}", "Waiting since {since}."),
    "invitation": ("{invited_by} invited you as an assistant", "The link expires in {link_lifetime}."),
    "assists": ("You're now an assistant of {principal}", "If you didn't accept the invitation, contact us."),
    "assists_no_more": ("You no longer assist {principal}", "You can no longer open {principal}'s documents."),
    "fax_reported": ("Your fax number was removed from Provider Portal", "Someone reported that it's wrong."),
    "account_changed": ("{change} on Provider Portal", "If this wasn't you, act now."),
}
"""The subject of every email, and the preview that a mailbox shows beside the subject, by the template's name.

Both texts may contain the template's values, such as `{practice}`, `{change}`, `{headline}`, `{link_lifetime}` and
`{code_lifetime}`."""

ACCOUNT_CHANGES: Mapping[str, str] = {
    AccountEventType.PASSWORD_CHANGED: "Your password was changed",
    AccountEventType.PASSKEY_ADDED: "A passkey was added to your account",
    AccountEventType.PASSKEY_REMOVED: "A passkey was removed from your account",
    AccountEventType.AUTHENTICATOR_ADDED: "An authenticator app was added to your account",
    AccountEventType.AUTHENTICATOR_REMOVED: "The authenticator app was removed from your account",
    AccountEventType.RECOVERY_CODES_MADE: "New recovery codes were created for your account",
    AccountEventType.EMAIL_ADDED: "An email address was added to your account",
    AccountEventType.EMAIL_REMOVED: "An email address was removed from your account",
    AccountEventType.NAME_CHANGED: "The name in your account was changed",
    AccountEventType.ASSISTANT_INVITED: "An assistant was invited to your account",
    AccountEventType.ASSISTANT_REMOVED: "An assistant was removed from your account",
    AccountEventType.REMINDERS_CHANGED: "Your choices for reminders were changed",
    AccountEventType.REMINDERS_STOPPED: "Reminder emails were stopped",
    AccountEventType.REMINDERS_STARTED: "Reminder emails were started again",
    AccountEventType.FAX_CHANGED: "The fax number for your reminders was changed",
    AccountEventType.FAX_REMOVED: "The fax number for your reminders was removed",
    AccountEventType.SECOND_FACTOR_RESET: "Support turned off two-step login for your account",
}
"""The sentence that reports a change of an account to its owner, by the type of the delivery."""

_MAX_PRACTICES = 10
"""The most clinics of a provider that are read to find the time zone for the times in an email."""

_EASTERN = "America/New_York"


@dataclass(frozen=True, kw_only=True)
class Emails(MessageSender):
    """Sender of emails. `reminder_stops` makes the link in a reminder that stops reminders.

    `joint_emails` gathers the announcements of several documents."""

    reminder_stops: ReminderStops
    joint_emails: JointEmails

    def _send_email(self, facts: MessageFacts) -> AttemptResult:
        """Compose and send the email, and return the result.

        The announcement of a document also announces the other documents that wait, and stores the result for them."""
        others = self.joint_emails.join(facts) if facts.delivery.type == MessageType.READY else ()
        try:
            result = super()._send_email(replace(facts, others=_list_others(facts, others)))
        except Exception:
            self.joint_emails.release(others, facts.delivery.id)
            raise
        self.joint_emails.record(others, facts.delivery.id, result)
        return result

    def _compose(self, facts: MessageFacts) -> Mail:
        composers: dict[str, Callable[[MessageFacts], Mail]] = {
            MessageType.READY: self._ready,
            MessageType.SETUP: self._password_link,
            MessageType.RESET: self._password_link,
            MessageType.NEW_ADDRESS: self._password_link,
            MessageType.CODE: self._by_hand_code,
            MessageType.DECIDED_ELSEWHERE: self._decided_elsewhere,
            MessageType.ADDRESS_CODE: self._address_code,
            MessageType.ADDRESS_TAKEN: self._address_taken,
            MessageType.REMINDER: self._reminder,
            MessageType.INVITATION: self._invitation,
            MessageType.ASSISTS: self._to_assistant,
            MessageType.ASSISTS_NO_MORE: self._to_assistant,
            AccountEventType.PASSWORD_CHANGED: self._password_changed,
            AccountEventType.FAX_REPORTED: self._fax_reported,
        }
        composers |= dict.fromkeys(SUPPORT_REPORTS, self._by_support)
        return composers.get(facts.delivery.type, self._account_changed)(facts)

    def _render(self, facts: MessageFacts, template: str, **template_values: Any) -> Mail:
        """Return the email that the template makes from these values, with subject, sender, and HTML and plain text."""
        practice = facts.practice
        sender = f"{practice.name} via {PORTAL}" if practice else PORTAL
        rows, logo = list_facts(facts.document, facts.provider), read_logo(self.files, practice)
        values: dict[str, Any] = {
            "practice": practice,
            "rows": rows,
            "logo": logo,
            "phone": display_phone(practice.phone) if practice and practice.phone else None,
            "support_contact": self.settings.support_contact,
            "forgot_link": self._url("/forgot-password"),
            "link_lifetime": duration(LINK_LIFETIME),
            "code_lifetime": duration(CODE_LIFETIME),
            **template_values,
        }
        names = {**values, **_lower_keys(rows), "practice": practice.name if practice else PORTAL}
        subject, preview = (text.format_map(names) for text in ENVELOPES[template])
        values |= {"subject": subject, "preview": preview}
        return Mail(
            to=facts.delivery.recipient,
            name=sender,
            subject=subject,
            text=_environment().get_template(f"{template}.txt").render(values),
            html=_environment().get_template(f"{template}.html").render(values),
            reply_to=practice.reply_to if practice else None,
            logo=logo,
        )

    def _ready(self, facts: MessageFacts) -> Mail:
        document, practice = facts.require_document()
        fax = display_phone(practice.fax) if practice.fax else None
        electronic = self.switches.electronic_signature(practice.id)
        giver = document.giver.name_and_credential if document.giver else None
        values = {
            "by_hand_link": self._url(f"/by-hand/{document.id}"),
            "fax": fax,
            "announcement": f"{giver} asked you to sign a document" if giver else _WAITS,
            "giver": giver,
            "signs_by_code": electronic and self.switches.sign_without_account(practice.id),
        }
        has_account = facts.provider is not None and facts.provider.has_account
        is_closed = facts.provider is not None and facts.provider.closed_at is not None
        is_of_other_account = not has_account and self._belongs_to_account(facts.delivery.recipient)
        is_by_hand = is_closed or not electronic or is_of_other_account
        values |= {"has_account": has_account, "is_by_hand": is_by_hand}
        if not facts.others and is_by_hand:
            return self._render(facts, "document_ready_by_hand", **values)
        values["setup_link"] = None if has_account or is_by_hand else self._find_setup_link(facts, document)
        if facts.others:
            return self._several_ready(facts, values)
        return self._render(facts, "document_ready", document_link=self._url(f"/documents/{document.id}"), **values)

    def _find_setup_link(self, facts: MessageFacts, document: Document) -> str | None:
        """Store a setup link for a person without an account, and return it. Its query names the document.

        So the link leads to the document's page when it has expired. Return None if an account was created just
        now."""
        try:
            token = self.setup_links.create_token(facts.delivery, facts.now)
        except MessageOutdated:
            return None
        return self._url(f"/setup/{token}?document={document.id}")

    def _several_ready(self, facts: MessageFacts, values: Mapping[str, Any]) -> Mail:
        """Compose the email that announces several documents of one clinic to one provider."""
        document, _ = facts.require_document()
        documents = sorted((document, *facts.others), key=lambda each: (each.due_on, each.sent_at))
        page = "by-hand" if values["is_by_hand"] else "documents"
        described = describe_waiting(documents, {each.id: self._url(f"/{page}/{each.id}") for each in documents})
        headline = f"{described['what']} need your signature"
        list_link = self._url("/documents")
        return self._render(facts, "documents_ready", headline=headline, list_link=list_link, **{**values, **described})

    def _postpone(self, facts: MessageFacts) -> AttemptResult | None:
        """Return the result of an attempt that must wait, or None if the message may leave now.

        The announcement of a document waits some minutes for others, and a late reminder for the next afternoon. Any
        other email leaves at once."""
        if facts.delivery.type == MessageType.READY:
            return self.joint_emails.postpone(facts)
        if facts.delivery.type != MessageType.REMINDER or self.settings.sends_at_any_hour:
            return super()._postpone(facts)
        due = find_due(self.store, facts.delivery, facts.now, reminds=self._reminds)
        return hand_over(self.store, facts.delivery, due, facts.now) if due else None

    def _reminder(self, facts: MessageFacts) -> Mail:
        """Compose the day's reminder, which lists all documents that still wait for a signature at the email address.

        Raises `MessageOutdated` if nothing waits there any more, or if the reader has stopped reminders."""
        if is_stopped(self.store, facts.delivery.recipient):
            raise MessageOutdated("The recipient has stopped reminders by email.")
        waiting = find_waiting(self.store, facts.delivery, facts.now, reminds=self._reminds)
        if not waiting.documents:
            raise MessageOutdated("Nothing waits for the recipient any more.")
        links = {document.id: self._link(document) for document in waiting.documents}
        values = describe_waiting(waiting.documents, links)
        kind, verb = "Last reminder" if waiting.is_last else "Reminder", "needs" if values["count"] == 1 else "need"
        headline = f"{kind}: {values['what']} {verb} your signature"
        if len(waiting.practice_ids) == 1:
            facts = replace(facts, practice=require_practice(self.store, waiting.practice_ids[0]))
        stop_link = self._url(f"/reminders/stop/{self.reminder_stops.create_token(facts.delivery, facts.now)}")
        return self._render(
            facts, "reminder", headline=headline, is_last=waiting.is_last, stop_link=stop_link, **values
        )

    def _reminds(self, practice_id: str) -> bool:
        return self.switches.follow_up(practice_id).emails

    def _link(self, document: Document) -> str:
        """Return the link to a document: the page where it is signed online, or the page where it is printed."""
        is_online = self.switches.electronic_signature(document.practice_id)
        return self._url(f"/{'documents' if is_online else 'by-hand'}/{document.id}")

    def _belongs_to_account(self, address: str) -> bool:
        """Return True if the address belongs to an account, so that the email must not offer to set up another one."""
        key = email_claim(address)
        return key in self.store.claims([key])

    def _password_link(self, facts: MessageFacts) -> Mail:
        """Compose the email with a link to set a first or a new password, or to confirm an account's new address."""
        link = self._url(f"/documents/{facts.document.id}") if facts.document else None
        setup_link = self._url(f"/setup/{self.setup_links.create_token(facts.delivery, facts.now)}")
        expires_at = format_time_of_day(facts.now + LINK_LIFETIME, self._time_zone(facts))
        values = {"setup_link": setup_link, "document_link": link, "expires_at": expires_at}
        return self._render(facts, facts.delivery.type, **values)

    def _by_hand_code(self, facts: MessageFacts) -> Mail:
        from chalicelib.services.review.hand_codes import create_code

        document, _ = facts.require_document()
        code = create_code(self.store, document, facts.delivery, facts.now, self.ids)
        return self._render(facts, "by_hand_code", code=code, by_hand_link=self._url(f"/by-hand/{document.id}"))

    def _decided_elsewhere(self, facts: MessageFacts) -> Mail:
        """Compose the email that informs an account's owner that a document was decided outside the account."""
        document, _ = facts.require_document()
        decided_at = format_moment(facts.delivery.created_at, self._time_zone(facts))
        decision = document.decision
        values = {
            "is_scan": decision is not None and decision.scan_key is not None,
            "returned_by": decision.signer.returned_by if decision is not None else None,
            "is_on_screen": decision is not None and decision.signer.is_without_account,
            "outcome": document.outcome,
            "decided_at": decided_at,
        }
        link = self._url(f"/documents/{document.id}")
        return self._render(facts, "decided_elsewhere", document_link=link, **values)

    def _address_code(self, facts: MessageFacts) -> Mail:
        """Store a new code, and compose the email with the code, which adds the recipient's address to an account."""
        code = AddressCodes(self.store, self.ids).create_code(facts.delivery, facts.now)
        link, email = self._url("/account/emails"), facts.delivery.recipient
        return self._render(facts, "address_code", code=code, email=email, code_link=link)

    def _address_taken(self, facts: MessageFacts) -> Mail:
        return self._render(facts, "address_taken", email=facts.delivery.body, account_link=self._url("/account"))

    def _invitation(self, facts: MessageFacts) -> Mail:
        """Compose the email with the link by which an assistant accepts a provider's invitation.

        The email names the provider as a clinic or support did, because a provider could type any text as a name."""
        token = Invitations(self.store, self.ids).create_token(facts.delivery, facts.now)
        provider = without_typed_name(facts.require_provider())
        link = self._url(f"/invitation/{token}")
        return self._render(facts, "invitation", invited_by=provider.name_and_credential, invitation_link=link)

    def _to_assistant(self, facts: MessageFacts) -> Mail:
        """Compose the email to an assistant that says for which provider the assistance has begun or ended."""
        delivery, provider = facts.delivery, without_typed_name(facts.require_provider())
        changed_at = format_moment(delivery.created_at, self._time_zone(facts))
        values = {"principal": provider.name_and_credential, "changed_at": changed_at, "home_link": self._url("/")}
        return self._render(facts, delivery.type, **values)

    def _password_changed(self, facts: MessageFacts) -> Mail:
        """Compose the welcome after an account's first password, or the security notice after a later change."""
        if facts.provider is None or facts.provider.account_since != facts.delivery.created_at:
            return self._account_changed(facts)
        return self._render(facts, "account_ready", home_link=self._url("/"), email=facts.delivery.recipient)

    def _account_changed(self, facts: MessageFacts) -> Mail:
        delivery = facts.delivery
        change, changed_at = ACCOUNT_CHANGES[delivery.type], format_moment(delivery.created_at, self._time_zone(facts))
        return self._render(facts, "account_changed", change=change, changed_at=changed_at, email=delivery.body)

    def _fax_reported(self, facts: MessageFacts) -> Mail:
        """Compose the email that tells an account's owner that the account has lost a fax number reported as wrong."""
        changed_at = format_moment(facts.delivery.created_at, self._time_zone(facts))
        return self._render(facts, "fax_reported", changed_at=changed_at, account_link=self._url("/account"))

    def _by_support(self, facts: MessageFacts) -> Mail:
        """Compose the email that reports an action of support, to the account's owner or to a former address."""
        delivery, provider = facts.delivery, facts.require_provider()
        report, is_owner = SUPPORT_REPORTS[delivery.type], delivery.recipient in provider.proven_emails
        paragraph = report.paragraph(is_owner=is_owner, username=provider.email or "")
        changed_at = format_moment(delivery.created_at, self._time_zone(facts))
        return self._render(
            facts, "account_by_support", change=report.heading, paragraph=paragraph, changed_at=changed_at
        )

    def _time_zone(self, facts: MessageFacts) -> str:
        """Return the reader's time zone for times in an email.

        It is the zone that the provider has chosen, or the zone of the document's addressee, or the zone of most of the
        provider's clinics, or US Eastern time."""
        chosen = facts.provider.reminders if facts.provider else None
        if chosen is not None:
            return chosen.time_zone
        if facts.document is not None:
            return reader_zone(facts.document)
        ids = facts.provider.practices[:_MAX_PRACTICES] if facts.provider else ()
        zones = Counter(practice.time_zone for practice in map(self.store.practice, ids) if practice is not None)
        return max(zones, key=zones.__getitem__, default=_EASTERN)


def _list_others(facts: MessageFacts, others: Sequence[MessageFacts]) -> tuple[Document, ...]:
    """Return the documents of the other announcements, each once. A document that was sent again has two."""
    documents = {document.id: document for document, _ in (other.require_document() for other in others)}
    documents.pop(facts.delivery.document_id or "", None)
    return tuple(documents.values())


def _lower_keys(rows: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the lines of an email as values of its subject and preview, such as `{for}` and `{due}`."""
    return {label.lower(): text for label, text in rows}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("templates", "email"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
