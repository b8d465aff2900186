"""Test the notices to a practice's staff by SNS: each reaches only its own practice, without patient data."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.domain.errors import Unprocessable
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.decisions import DeclineForm
from chalicelib.services.review.review import ProviderAction
from tests.support.integration.emr_client import Emr
from tests.support.integration.local_workers import Works
from tests.support.integration.webhook_receivers import Receiver, answers

PRIVATE = ("Ada", "Byron", "1950", "PT-77", "POC-", "Rivera", "example.com", "Plan of Care", "Twice a week")


@dataclass(frozen=True)
class Heard:
    practice: str
    kind: str
    subject: str
    text: str


class Staff:
    """The staff of practices, as queues that subscribe to the SNS topic with the notices.

    The subscriptions have the filters that the integration guide documents."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._sns, self._sqs = works.stack.client("sns"), works.stack.client("sqs")
        self._made: list[tuple[str, str]] = []

    def subscribe(self, name: str, **policy: list[str]) -> str:
        topic = self._works.stack.outputs["NoticesTopic"]
        url: str = self._sqs.create_queue(QueueName=f"staff-{name}")["QueueUrl"]
        wanted = ["QueueArn"]
        arn = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]["QueueArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        both = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": both})
        made = self._sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"FilterPolicy": json.dumps(policy)},
            ReturnSubscriptionArn=True,
        )
        self._made.append((url, made["SubscriptionArn"]))
        return url

    def heard(self, url: str) -> list[Heard]:
        found: list[dict[str, Any]] = []
        while batch := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(item["Body"]) for item in batch]
        return [
            Heard(
                item["MessageAttributes"]["practice"]["Value"],
                item["MessageAttributes"]["kind"]["Value"],
                item["Subject"],
                item["Message"],
            )
            for item in found
        ]

    def leave(self) -> None:
        for url, subscription in self._made:
            self._sns.unsubscribe(SubscriptionArn=subscription)
            self._sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def staff(works: Works) -> Iterator[Staff]:
    made = Staff(works)
    yield made
    made.leave()


def everything_goes_wrong(works: Works, clinic: Emr, receiver: Receiver) -> None:
    """Cause three notices to staff.

    SES refuses an email, the PDF of a declined document is never sealed, and the EMR's endpoint returns status 410."""

    def refuse(**_: Any) -> str:
        raise Unprocessable("The email service refused the message: InvalidParameterValue.")

    document_id = clinic.sends()
    with works.replaced("mailer", send=refuse):
        works.work_off()
    decline(works, document_id)
    works.clock.pass_time(minutes=17)
    works.services.scheduled_sweep.run()
    receiver.script = [answers(410)]
    works.work_off()


def decline(works: Works, document_id: str) -> None:
    store = works.services.store
    document = store.document(document_id)
    assert document is not None
    person = store.provider(document.provider_id)
    assert person is not None
    # Only an account with a proven address may open and decline the document.
    provider = replace(person, email=document.addressee.email, password_hash="a hash")
    by = ProviderAction(
        provider=provider, actor=Actor(f"provider:{provider.id}"), now=works.clock.now(), authentication="password"
    )
    works.services.review.decline(document, DeclineForm(reason="other", note="Twice a week is enough."), by)


def test_staff_get_notices_of_their_own_practice_without_patient_data(
    works: Works, clinic: Emr, receiver: Receiver, staff: Staff
) -> None:
    other = Emr(works.stack, works.stack.practice())
    other.listens_at(receiver.url)
    works.work_off()
    ours = staff.subscribe("ours", practice=[clinic.practice.id])
    declines = staff.subscribe("declines", practice=[clinic.practice.id], kind=["declined"])
    theirs = staff.subscribe("theirs", practice=[other.practice.id])

    everything_goes_wrong(works, clinic, receiver)
    heard = staff.heard(ours)
    assert {item.kind for item in heard} == {"delivery_failed", "declined", "sealing_delayed", "endpoint_off"}
    assert {item.practice for item in heard} == {clinic.practice.id}
    for item in heard:
        assert not [word for word in PRIVATE if word in item.subject + item.text]
    assert [item.kind for item in staff.heard(declines)] == ["declined"]
    assert staff.heard(theirs) == []
    assert "endpoint_off" in clinic.notices()
