"""The number of emails and faxes that one recipient may get in a day, from one practice and from all together.

Every attempt counts. A reader's requests for codes do not use up the ration of announcements, and emails that
report a change of an account are not limited.
"""

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
"""Messages a day to one recipient: from one practice, from all practices, and with a setup or reset link."""

_PERIOD = timedelta(days=1)
_LINKS = {MessageType.SETUP, MessageType.RESET}

logger = Logger(service="portal", child=True)


def count_message(store: Store, delivery: Delivery, now: datetime) -> None:
    """Count one attempt to send the message.

    Raise `Unprocessable` if the practice, or the requests for links, have used up the ration of the recipient,
    and `Unavailable` (the message waits) if all practices together have.
    """
    quotas = _quotas(delivery)
    if quotas:
        retry_on_conflict(lambda: _count(store, delivery, quotas, now), retry_on=frozenset({"secret"}))


def _quotas(delivery: Delivery) -> Mapping[str, int]:
    """Return the limits by the name of their scope."""
    if delivery.type in _LINKS:
        return {"links": LINKS}
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
    """Return the recipient without the part after `+` of an email address, which leads to the same mailbox."""
    local, at, domain = recipient.partition("@")
    return local.partition("+")[0] + at + domain if at else recipient
