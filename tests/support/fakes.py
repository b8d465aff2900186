"""Fakes of the adapters, in memory: unit tests use these in place of S3, the queues, the email service and the clock.

They implement the protocols of `services/ports.py`. The fake of the database is in `fake_store.py`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.follow_up.progress import FollowUpPlan
from chalicelib.domain.session_keys import key_id
from chalicelib.services.ports import EVIDENCE, EvidenceExists, HttpResult
from chalicelib.services.transaction import Job

START = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    """A clock that moves only when a test calls `pass_time`."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def pass_time(self, **parts: float) -> datetime:
        """Move the clock, as in `pass_time(minutes=90)`, and return the new time."""
        self.at += timedelta(**parts)
        return self.at


@dataclass
class FakeIds:
    """A source of ids that count up, such as `doc_0001`, `token-0002` and `000003`, so that tests can predict them."""

    count: int = 0

    def new(self, prefix: str) -> str:
        return f"{prefix}_{self._next():04d}"

    def token(self) -> str:
        return f"token-{self._next():04d}"

    def code(self) -> str:
        return f"{self._next():06d}"

    def jitter(self) -> float:
        return 0.5

    def _next(self) -> int:
        self.count += 1
        return self.count


@dataclass
class FakeFiles:
    """The files of the S3 buckets (`Files`) in memory.

    `objects` maps a key to the bytes and the content type. `written` maps a key to the time of its last write."""

    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)
    written: dict[str, datetime] = field(default_factory=dict)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if key.startswith(EVIDENCE) and self.objects.get(key, (data, ""))[0] != data:
            raise EvidenceExists(key)
        self.objects[key] = (data, content_type)
        self.written[key] = self.clock.now()

    def get(self, key: str) -> bytes:
        return self.objects[key][0]

    def find(self, key: str) -> bytes | None:
        return self.objects[key][0] if key in self.objects else None

    def exists(self, key: str) -> bool:
        return key in self.objects

    def copy(self, source: str, target: str) -> None:
        self.put(target, *self.objects[source])

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def versions(self, key: str) -> Sequence[str]:
        return ["1"] if key in self.objects else []

    def ever_written(self, prefix: str) -> Sequence[str]:
        return self.keys(prefix)

    def erase(self, key: str, versions: Sequence[str]) -> None:
        assert versions == self.versions(key)
        self.objects.pop(key, None)

    def older(self, prefix: str, before: datetime) -> Sequence[str]:
        return [key for key in self.keys(prefix) if self.written[key] < before]

    def url(self, key: str, *, seconds: int, file_name: str | None = None, inline: bool = True) -> str:
        shown = "inline" if inline else "attachment"
        return f"{self.origin()}/{key}?seconds={seconds}&file_name={file_name or ''}&as={shown}"

    def upload_form(
        self, key: str, *, max_bytes: int, seconds: int, redirect: str | None = None, content_type_prefix: str = ""
    ) -> tuple[str, Mapping[str, str]]:
        fields = {"key": key, "max_bytes": str(max_bytes), "seconds": str(seconds)}
        if content_type_prefix:
            fields["content_type_prefix"] = content_type_prefix
        if redirect is not None:
            fields["success_action_redirect"] = redirect
        return self.origin(), fields

    def origin(self) -> str:
        return "https://files.test"

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys with this prefix, sorted."""
        return sorted(key for key in self.objects if key.startswith(prefix))


@dataclass
class FakeQueues:
    """The queues of background jobs (`Queues`) in memory, which run no job.

    `sent` lists (job, delay in seconds). With `failing`, sending raises `Unavailable`."""

    sent: list[tuple[Job, int]] = field(default_factory=list)
    failing: bool = False

    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        if self.failing:
            raise Unavailable("The queue refused.")
        self.sent.extend((job, delay_seconds) for job in jobs)


@dataclass
class FakeSwitches:
    """The settings of practices that administrators switch (`Switches`), in memory.

    `on` holds the ids of the practices with Electronic Signature, and `requiring` those of the practices that require a
    second factor. `portal_requires` requires a second factor of everybody. `plans` has the settings of follow-ups that
    differ from the default."""

    on: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    requiring: set[str] = field(default_factory=set)
    portal_requires: bool = False
    plans: dict[str, FollowUpPlan] = field(default_factory=dict)

    def electronic_signature(self, practice_id: str) -> bool:
        return practice_id in self.on

    def set_electronic_signature(self, practice_id: str, on: bool) -> None:  # noqa: FBT001 - the port's
        (self.on.add if on else self.on.discard)(practice_id)

    def sign_without_account(self, practice_id: str) -> bool:
        return practice_id in self.open

    def set_sign_without_account(self, practice_id: str, on: bool) -> None:  # noqa: FBT001 - the port's
        (self.open.add if on else self.open.discard)(practice_id)

    def second_factor(self, practice_ids: Collection[str]) -> bool:
        return self.portal_requires or not self.requiring.isdisjoint(practice_ids)

    def set_second_factor(self, practice_id: str, on: bool) -> None:  # noqa: FBT001 - the port's
        (self.requiring.add if on else self.requiring.discard)(practice_id)

    def follow_up(self, practice_id: str) -> FollowUpPlan:
        return self.plans.get(practice_id, FollowUpPlan())


@dataclass
class FakeInspector:
    """An `Inspector` of uploads that opens no file and always returns `answer`. `asked` lists (key, kind) of every
    call."""

    answer: Mapping[str, Any] = field(
        default_factory=lambda: {"pages": 3, "page_sizes": [[612, 792]] * 3, "active_content": [], "signed": False}
    )
    asked: list[tuple[str, str]] = field(default_factory=list)
    certificates: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    originals: list[str | None] = field(default_factory=list)

    def inspect(
        self,
        key: str,
        kind: str,
        *,
        certificates: Sequence[str] = (),
        authorities: Sequence[str] = (),
        original: str | None = None,
    ) -> Mapping[str, Any]:
        self.asked.append((key, kind))
        self.originals.append(original)
        self.certificates, self.authorities = tuple(certificates), tuple(authorities)
        return self.look_at(key)

    def look_at(self, _key: str) -> Mapping[str, Any]:
        """Return the result of the inspection of one file: always `answer`. A subclass may look at the file instead."""
        return self.answer

    def refuse(self, code: str, detail: str = "It cannot be used.") -> None:
        self.answer = {"refused": {"code": code, "detail": detail}}


@dataclass
class FakeKeys:
    """The keys that sign sessions, and their rotation (`Keys` and `SessionKeyRotation`), in memory.

    The last key signs sessions. Sessions that the last two keys have signed are accepted."""

    keys: list[bytes] = field(default_factory=lambda: [b"a key for tests, long enough to sign with HS256"])
    at: datetime | None = None

    def session_key(self) -> bytes:
        return self.keys[-1]

    def known_session_keys(self) -> tuple[bytes, ...]:
        return tuple(reversed(self.keys[-2:]))

    def find_session_key(self, kid: str) -> bytes | None:
        return next((key for key in self.known_session_keys() if key_id(key) == kid), None)

    def rotated_at(self) -> datetime | None:
        return self.at

    def rotate(self, key: str) -> None:
        self.keys.append(key.encode())


@dataclass
class FakeMailer:
    """A `Mailer` that sends no email. `sent` lists (to, message). With `failing`, sending raises `Unavailable`."""

    sent: list[tuple[str, bytes]] = field(default_factory=list)
    failing: bool = False

    def send(self, *, to: str, message: bytes) -> str:
        if self.failing:
            raise Unavailable("The mail was not taken.")
        self.sent.append((to, message))
        return f"ses-{len(self.sent):04d}"


@dataclass
class FakeNotifier:
    published: list[Mapping[str, str]] = field(default_factory=list)

    def publish(self, *, practice_id: str, kind: str, subject: str, text: str) -> None:
        self.published.append({"practice": practice_id, "kind": kind, "subject": subject, "text": text})


@dataclass
class FakeWebhookSender:
    """A `WebhookSender` that posts nothing. It returns the results in `answers` in turn, and then repeats the last one.

    `posted` lists (URL, headers, body) of every webhook."""

    answers: list[HttpResult] = field(default_factory=lambda: [HttpResult(204)])
    posted: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> HttpResult:
        self.posted.append((url, dict(headers), body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
