"""AWS calls per page: how many, and how many of them wait for one another.

The web function runs in this process with the environment and tables of a freshly deployed local stack, so
every call is real; each page is asked for with no row and no switch kept from before, and again right after.
The key of the sessions alone is kept, as a function does for five minutes.
"""

import html
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import httpx
from botocore.client import BaseClient

from chalicelib import bootstrap
from tests.integration.test_emr_contract import Emr, as_text, data
from tests.portal import Browser
from tests.stack import Stack
from tests.unit.pdf import samples

ADDRESS, PASSWORD = "bench@example.com", "velvet harbour quartz lantern"
MOST_IN_SEQUENCE = 3
TOKEN_LENGTH = 43
SLOWER_BY = 0.25
"""Seconds added to each call: what is asked for side by side then overlaps, although making a client for its
first call takes longer than a call to an AWS on the same machine."""


@dataclass(frozen=True)
class Call:
    """One AWS call; times in seconds. `scanned` is how many rows a query looked at."""

    name: str
    began: float
    ended: float
    scanned: int = 0


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Notes every call that botocore makes meanwhile, PynamoDB's too."""
    calls: list[Call] = []
    original = BaseClient._make_api_call  # noqa: SLF001 - the one place that all clients go through

    def noting(self: BaseClient, operation: str, arguments: Mapping[str, Any]) -> Any:
        began, answer = time.perf_counter(), {}
        time.sleep(SLOWER_BY)
        try:
            answer = original(self, operation, arguments)
            return answer
        finally:
            ended, scanned = time.perf_counter(), answer.get("ScannedCount", 0)
            calls.append(Call(operation, began, ended, scanned))

    BaseClient._make_api_call = noting  # noqa: SLF001 - as above
    try:
        yield calls
    finally:
        BaseClient._make_api_call = original  # noqa: SLF001 - as above


def in_sequence(calls: list[Call]) -> int:
    """The longest chain of calls of which each began after the one before had ended."""
    length, free_at = 0, 0.0
    for call in sorted(calls, key=lambda each: each.ended):
        if call.began >= free_at:
            length, free_at = length + 1, call.ended
    return length


def run(stack: Stack) -> None:
    """Prints a line per page."""
    document_id = sent(stack)
    browser = with_account(stack)
    print(f"AWS calls per page (in sequence: at most {MOST_IN_SEQUENCE})")
    for name, path in pages(document_id).items():
        visitor = Browser() if path == "/login" else browser
        forget()
        first, again = counted(visitor, path), counted(visitor, path)
        print(f"  {name:<22} first {line(first)}    again {line(again)}")
    forget()
    print(f"  {'a file is verified':<22} {line(counted(Browser(), uploaded_to_verify()))}")
    print()


def forget() -> None:
    """Lets the function forget what it has read, but for the key of the sessions; its connections stay."""
    before = bootstrap.services()
    fresh = bootstrap.Services(before.settings)
    fresh.clients, fresh.keys = before.clients, before.keys
    bootstrap.install(fresh)


def uploaded_to_verify() -> str:
    """Uploads a file as the form of `/verify` does; the path that the bucket sends the browser to."""
    page = Browser().get("/verify").body.decode()
    (action,) = re.findall(r'action="(http[^"]+)"', page)
    hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
    fields = {name: html.unescape(value) for name, value in hidden}
    file = {"file": ("x.pdf", samples.blank_pdf(), "application/pdf")}
    place = httpx.post(html.unescape(action), data=fields, files=file, timeout=60).headers["location"]
    return str(place[place.index("/verify/checked") :])


def environment(stack: Stack) -> dict[str, str]:
    """The variables of the deployed web function, with the emulator's root credentials."""
    found = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["ApiFunction"])
    return {
        **found["Environment"]["Variables"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": stack.aws_endpoint_url,
        "POWERTOOLS_LOG_LEVEL": "ERROR",
    }


def sent(stack: Stack) -> str:
    """A document for the provider, its pages rendered and its mails gone."""
    emr = Emr(stack, stack.practice())
    provider = {"first_name": "Ben", "last_name": "Chmark", "credential": "MD", "email": ADDRESS}
    answer = emr.event(
        "document.sent", data(provider=provider, content={"base64": as_text(samples.blank_pdf(pages=3))})
    )
    document_id: str = answer.raise_for_status().json()["document_id"]
    stack.wait_for_mail(ADDRESS, count=2)
    stack.outbox_drained()
    return document_id


def with_account(stack: Stack) -> Browser:
    """Sets the account up by the mailed link and logs in, through the function in this process."""
    texts = [plain_text(mail) for mail in stack.wait_for_mail(ADDRESS, count=2)]
    token = next(text.split("/setup/")[1][:TOKEN_LENGTH] for text in texts if "/setup/" in text)
    browser = Browser()
    browser.get(f"/setup/{token}")
    browser.post("/setup", credential="MD", confirmed="yes", password=PASSWORD)
    browser.log_in(ADDRESS, PASSWORD)
    return browser


def plain_text(mail: EmailMessage) -> str:
    """Decoded: quoted-printable breaks a long link."""
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body else ""


def pages(document_id: str) -> dict[str, str]:
    return {
        "login": "/login",
        "pending": "/documents",
        "past": "/documents/past",
        "review": f"/documents/{document_id}",
        "account": "/account",
        "account activity": "/account/activity",
        "by hand, the door": f"/by-hand/{document_id}",
    }


def counted(browser: Browser, path: str) -> list[Call]:
    with recorded() as calls:
        answer = browser.get(path)
    if answer.status_code != 200:  # noqa: PLR2004 - OK
        raise SystemExit(f"{path} answered {answer.status_code}")
    return calls


def line(calls: list[Call]) -> str:
    names = ", ".join(call.name for call in calls)
    return f"{in_sequence(calls)} in sequence, {len(calls)} in all ({names or 'none'})"
