"""The whole web function in memory, and simulated browsers with cookies, for the tests of pages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlencode

from chalice.test import Client, HTTPResponse

from app import app
from chalicelib import bootstrap
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.jobs import JobName
from chalicelib.web.http.request_parsing import make_form_token
from tests.support.fake_store import FakeStore
from tests.support.fakes import FakeClock, FakeFiles, FakeIds, FakeInspector, FakeKeys, FakeSwitches
from tests.support.pdf.fake_pdf import FakePdf
from tests.support.worlds.delivery_world import some_settings


class Portal(bootstrap.Services):
    """The container of the web function's services (`bootstrap.Services`), with fake adapters in memory.

    Tests control its clock and its ids."""

    def __init__(self, store: FakeStore | None = None) -> None:
        super().__init__(some_settings(), clock=FakeClock(), ids=FakeIds())
        self.store = self.fake_store = store or FakeStore()
        self.keys = self.session_key_rotation = FakeKeys()
        self.files = FakeFiles()
        self.inspector = FakeInspector()
        self.quick_pdf = FakePdf(self.files)
        self.switches = FakeSwitches({"prc_1"})

    @property
    def time(self) -> FakeClock:
        assert isinstance(self.clock, FakeClock)
        return self.clock

    def browser(self) -> "Browser":
        return Browser()

    def mails(self) -> list[Delivery]:
        """Return all deliveries (emails, faxes, webhooks and notices) that the portal has stored, oldest first."""
        return list(self.fake_store.every(Delivery, "deliveries"))

    def work(self) -> None:
        """Run the queued jobs that send a link after *Forgot password*, as the deliveries function does.

        Other jobs are not run."""
        for job in self.fake_store.jobs():
            if job.name is JobName.FORGOTTEN:
                self.link_requests.send_requested_link(job.event_id, self.clock.now())

    def token(self, mail: Delivery) -> str:
        """Return the token for the setup or reset link in this email, as the deliveries function makes it for the
        email."""
        return self.setup_links.create_token(mail, self.clock.now())


@dataclass
class Browser:
    """A simulated browser, which sends its stored cookies, and with a form the CSRF token that a page would contain."""

    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> HTTPResponse:
        return self._keep(Client(app).http.get(path, headers=self._headers(headers)))

    def post(
        self, path: str, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **more: str
    ) -> HTTPResponse:
        if path.endswith(("/approve", "/mark")):
            sent = {**(fields or {}), **more}
            fields, more = {**sent, "pages_shown": self._show_pages(path, sent.get("pages_shown", ""))}, {}
        if "__Host-csrf" not in self.cookies:
            self.get("/login")
        token = make_form_token(self.cookies["__Host-csrf"], "pad")
        return self.post_raw(path, {"csrf": token, **(fields or {}), **more}, headers)

    def _show_pages(self, path: str, numbers: str) -> str:
        """Open the review page, and return the form field in which its script reports the pages that were on the
        screen.

        `numbers` are the numbers of these pages, such as `1,2`. `path` is the path to which the approval form posts."""
        below = "/document" if path.startswith("/by-hand/") else ""
        page = self.get(path.rpartition("/")[0] + below).body.decode()
        tokens = dict(re.findall(r'data-token="((\d+)\.[^"]+)"', page))
        by_number = {number: token for token, number in tokens.items()}
        return ",".join(f"{by_number[number]}.7" for number in numbers.split(",") if number in by_number)

    def post_raw(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> HTTPResponse:
        sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        body = urlencode(fields).encode()
        return self._keep(Client(app).http.post(path, headers=self._headers(sent), body=body))

    def log_in(self, email: str, password: str, wanted: str = "/documents") -> HTTPResponse:
        return self.post("/login/password", email=email, password=password, next=wanted)

    def _headers(self, others: dict[str, str]) -> dict[str, str]:
        text = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {**({"cookie": text} if text else {}), **others}

    def _keep(self, response: HTTPResponse) -> HTTPResponse:
        for cookie in set_cookies(response):
            name, _, value = cookie.partition(";")[0].partition("=")
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return response


def set_cookies(response: HTTPResponse) -> list[str]:
    """Return the values of all `Set-Cookie` headers of a response, or an empty list."""
    values: Any = response.headers.get("Set-Cookie", [])
    return list(values) if isinstance(values, list) else [values]


def header(response: HTTPResponse, name: str) -> str:
    """Return the value of one header of a response, or an empty string if the response has no such header.

    Upper and lower case of `name` do not matter."""
    headers: dict[str, Any] = dict(response.headers)
    for key, value in headers.items():
        if key.lower() == name.lower():
            return str(value[0] if isinstance(value, list) else value)
    return ""


def text(response: HTTPResponse) -> str:
    """Return the text of a page as a person reads it: without tags, scripts and repeated spaces.

    A place at which the page may break a word, such as after the @ of an email address, is no space."""
    body = response.body.decode().replace("<wbr>", "")
    body = re.sub(r"<(script|style|title)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
