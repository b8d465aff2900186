"""The time in which the web function answers a webhook of the fax carrier, without the emulator's own time.

A new process gets two signed webhooks, as a new Lambda instance would. The requests to AWS are answered at once in this
process, so that the processor's time is that of the web function alone: its imports, the check of the signature, and
the preparation of each request to AWS. The time of Lambda's processor share and of real AWS calls is then added."""

import base64
import json
import time
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.cold import run_python

MOST_SECONDS = {"cold": 2.0, "warm": 1.0}
"""The carrier waits two seconds. A warm function must be twice as fast."""

_PROCESSOR_SHARE = 1024 / 1769
"""The part of a processor that Lambda gives to a function with 1,024 MB."""

_CALL_SECONDS = {"cold": 0.15, "warm": 0.03}
"""A generous time of one AWS call. A cold function also opens a connection and fetches credentials."""

_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
_ANSWER = """
import time
started = time.process_time()
import json, sys
from types import SimpleNamespace
import botocore.awsrequest, botocore.httpsession
calls = []
def send(self, request):
    target = request.headers.get("X-Amz-Target", request.url)
    calls.append(target.decode() if isinstance(target, bytes) else target)
    raw = SimpleNamespace(stream=lambda *_a, **_k: iter([b"{}"]), read=lambda *_a, **_k: b"{}")
    return botocore.awsrequest.AWSResponse(request.url, 200, {"Content-Type": "application/x-amz-json-1.0"}, raw)
botocore.httpsession.URLLib3Session.send = send
import app
for event in json.loads(sys.stdin.read()):
    response = app.app(event, SimpleNamespace(aws_request_id="bench"))
    assert response["statusCode"] == 200, response
    print(json.dumps([time.process_time() - started, calls]))
    started, calls[:] = time.process_time(), []
"""


@dataclass(frozen=True)
class Answer:
    """The answer to one webhook: the processor's time in seconds, and the requests to AWS, one after the other."""

    processor: float
    calls: tuple[str, ...]

    def estimate(self, state: str) -> float:
        """Return the seconds that the answer takes in Lambda. `state` is `cold` or `warm`."""
        return self.processor / _PROCESSOR_SHARE + len(self.calls) * _CALL_SECONDS[state]


def run(environment: dict[str, str]) -> None:
    """Print the time of the answer to a webhook by a new and by a warm web function, with its bound."""
    print("Answer to a webhook of the fax carrier (without the emulator's own time)")
    for state, answer in zip(MOST_SECONDS, answer_webhooks(environment), strict=True):
        seconds, most = answer.estimate(state), MOST_SECONDS[state]
        mark = "" if seconds < most else "   TOO SLOW"
        print(f"  {state}   {answer.processor * 1000:5.0f} ms of a processor, {len(answer.calls)} AWS calls")
        print(f"         {seconds:5.2f} s in Lambda      (under {most:g} s){mark}")
    print()


def answer_webhooks(environment: dict[str, str]) -> list[Answer]:
    """Let a new process answer two webhooks, and return how it answered: first cold, then warm.

    `environment` has the variables of the web function."""
    public_key = base64.b64encode(_KEY.public_key().public_bytes_raw()).decode()
    account = {
        "FAX_CARRIER_SECRET": "bench",
        "FAX_CARRIER_URL": "https://carrier.invalid/v2",
        "FAX_CARRIER_PUBLIC_KEY": public_key,
        "FAX_CONNECTION_ID": "bench",
        "FAX_SENDER": "+15125550188",
    }
    printed = run_python(_ANSWER, json.dumps([_webhook("a"), _webhook("b")]), {**environment, **account})
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("[")]
    return [Answer(seconds, tuple(calls)) for seconds, calls in lines]


def _webhook(fax_id: str) -> dict[str, object]:
    """Return the event of API Gateway for a signed webhook which says that a fax has come in."""
    from bench.events import post_json

    payload = {"fax_id": fax_id, "direction": "inbound", "media_url": "https://files.invalid/fax", "page_count": 3}
    data = {"event_type": "fax.received", "occurred_at": "2026-11-24T12:00:00Z", "payload": payload}
    body, stamp = json.dumps({"data": data}), str(int(time.time()))
    signature = base64.b64encode(_KEY.sign(f"{stamp}|{body}".encode())).decode()
    return post_json("/fax/telnyx", body, {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": signature})
