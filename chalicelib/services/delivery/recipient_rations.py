"""Limits on the emails and faxes that a recipient may get in a day, from one practice and from all practices.

Every attempt counts. The codes that a reader asks for do not use up the limit for announcements. Emails that
report a change of an account are not limited."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from aws_lambda_powertools import Logger

from chalicelib.domain.deliveries import Delivery, MessageType
from chalicelib.domain.errors import Unavailable, Unprocessable
from chalicelib.domain.expiring_records import SecretKind, secret_key
from chalicelib.services.optimistic_retry import retry_on_conflict
from chalicelib.services.ports import Store
from chalicelib.services.throttling import Quota
from chalicelib.services.transaction import Change

PER_PRACTICE, IN_TOTAL, LINKS = 100, 300, 20
"""Messages a day to one recipient: from one practice, from all practices, and with a link such as a setup link."""

ADDRESS_CODES_PER_ACCOUNT, ADDRESS_CODES, TAKEN_NOTICES = 5, 30, 3
"""Emails a day to one recipient: codes to add the address to one account, such codes in total, and notices that
somebody tried to add an address of the recipient's account."""

_PERIOD = timedelta(days=1)
_LINKS = {MessageType.SETUP, MessageType.RESET, MessageType.NEW_ADDRESS, MessageType.INVITATION}

logger = Logger(service="portal", child=True)


def count_message(store: Store, delivery: Delivery, now: datetime) -> None:
    """Count one attempt to send the message against the daily limits of its recipient.

    Raises `Unprocessable` (the message fails) if the recipient already had the daily number of messages from this
    practice, or the daily number of emails of this kind, such as emails with a setup link. Raises `Unavailable` (the
    message waits) if the recipient already had the daily number of messages from all practices together."""
    quotas = _quotas(delivery)
    if quotas:
        retry_on_conflict(lambda: _count(store, delivery, quotas, now), retry_on=frozenset({"secret"}))


def _quotas(delivery: Delivery) -> Mapping[str, int]:
    """Return how many messages of this kind the recipient of the delivery may get in a day.

    The result maps the name of each counter that counts the message, such as `links` or `practice:{id}`, to its limit.
    Every recipient (an email mailbox or a fax number) has counters of its own. An empty result means no limit."""
    if delivery.type in _LINKS:
        return {"links": LINKS}
    if delivery.type == MessageType.ADDRESS_CODE:
        return {f"account:{delivery.provider_id}": ADDRESS_CODES_PER_ACCOUNT, "accounts": ADDRESS_CODES}
    if delivery.type == MessageType.ADDRESS_TAKEN:
        return {"taken": TAKEN_NOTICES}
    if delivery.type not in (MessageType.READY, MessageType.FAX, MessageType.CODE):
        return {}
    return {f"practice:{delivery.practice_id}": PER_PRACTICE, "all": IN_TOTAL}


def _count(store: Store, delivery: Delivery, quotas: Mapping[str, int], now: datetime) -> None:
    subject = f"{_mailbox(delivery.recipient)}:{delivery.type == MessageType.CODE}"
    keys = {scope: secret_key(SecretKind.THROTTLE, f"ration:{scope}:{subject}") for scope in quotas}
    rows, counts = store.secrets(list(keys.values())), []
    for scope, limit in quotas.items():
        quota = Quota(kind=SecretKind.THROTTLE, limit=limit, period=_PERIOD)
        count = quota.count_use(rows.get(keys[scope]), keys[scope], now)
        if count is None:
            logger.warning("recipient rationed", delivery=delivery.id, practice=delivery.practice_id, scope=scope)
            error = Unavailable if scope == "all" else Unprocessable
            raise error(f"The recipient has had {limit} messages within a day, which is the limit.")
        counts.append(count)
    store.commit(Change(at=now, secrets=tuple(counts)))


def _mailbox(recipient: str) -> str:
    """Return the recipient with which messages are counted: an email address without its `+` suffix, or a fax number.

    So all addresses of one mailbox have one limit."""
    local, at, domain = recipient.partition("@")
    return local.partition("+")[0] + at + domain if at else recipient
