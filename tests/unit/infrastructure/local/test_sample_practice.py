import json
import stat
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from infrastructure.local import sample_practice as sample
from infrastructure.local.paths import LocalPaths
from infrastructure.local.stack import LocalStack
from infrastructure.progress import Progress
from infrastructure.user_error import UserError

KEPT = {"id": "prc_1", "api_key": "key_1", "webhook_secret": "whsec_1"}
NEW_KEYS = {
    "rotate_api_key": {"api_key": "key_3"},
    "rotate_webhook_secret": {"webhook_secret": "whsec_3"},
}
MADE = {"id": "prc_2", "api_key": "key_2", "webhook_secret": "whsec_2"}


class FakeStack:
    """Knows the practices of these keys, has new keys for those that are `there`, and makes `MADE`."""

    portal_url = "http://portal.localhost:4566"
    aws_endpoint_url = "http://127.0.0.1:4566"

    def __init__(
        self, *known: str, answer: dict[str, Any] | None = None, there: frozenset[str] = frozenset()
    ) -> None:
        self._known = {f"Bearer {key}" for key in known}
        self._answer = MADE if answer is None else answer
        self._there = there
        self.asked: list[dict[str, Any]] = []

    def http(self) -> httpx.Client:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200 if request.headers["authorization"] in self._known else 401)

        return httpx.Client(base_url="http://portal", transport=httpx.MockTransport(answer))

    def invoke_admin(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(payload)
        if payload["action"] == "create_practice":
            return self._answer
        if payload["practice_id"] not in self._there:
            return {"error": {"code": "not-found"}}
        return {"id": payload["practice_id"], **NEW_KEYS[payload["action"]]}


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    return LocalPaths(tmp_path)


def practice_of(paths: LocalPaths, stack: FakeStack) -> dict[str, str]:
    return sample.sample_practice(paths, cast("LocalStack", stack), Progress(0.0))


def test_a_practice_that_the_stack_knows_is_kept(paths: LocalPaths) -> None:
    sample.write_private(paths.practice, KEPT)
    assert practice_of(paths, FakeStack("key_1")) == KEPT


def test_a_practice_that_the_stack_lost_is_replaced(paths: LocalPaths) -> None:
    sample.write_private(paths.practice, KEPT)
    assert practice_of(paths, FakeStack()) == MADE
    assert json.loads(paths.practice.read_text()) == MADE


def test_a_practice_whose_keys_were_rotated_away_keeps_its_documents_and_gets_new_ones(
    paths: LocalPaths,
) -> None:
    sample.write_private(paths.practice, KEPT)
    renewed = {"id": "prc_1", "api_key": "key_3", "webhook_secret": "whsec_3"}
    assert practice_of(paths, FakeStack(there=frozenset({"prc_1"}))) == renewed
    assert json.loads(paths.practice.read_text()) == renewed


def test_the_sample_practice_has_electronic_signature_on(paths: LocalPaths) -> None:
    stack = FakeStack()
    assert practice_of(paths, stack) == MADE
    assert stack.asked == [{"action": "create_practice", "electronic_signature": True} | sample.PROFILE]


def test_a_damaged_file_of_keys_is_refused_with_what_to_do(paths: LocalPaths) -> None:
    paths.practice.write_text('{"id": "prc')
    with pytest.raises(UserError, match=r"practice\.json is damaged .* remove it"):
        practice_of(paths, FakeStack())


def test_a_refusal_of_the_admin_function_is_told(paths: LocalPaths) -> None:
    stack = FakeStack(answer={"error": {"code": "invalid"}})
    with pytest.raises(UserError, match="could not create the sample practice"):
        practice_of(paths, stack)


def test_the_portal_file_is_the_contract() -> None:
    content = sample.portal_file(cast("LocalStack", FakeStack()), sample.Addresses(4566), KEPT)
    assert content == {
        "portal_url": "http://portal.localhost:4566",
        "aws_endpoint_url": "http://127.0.0.1:4566",
        "clinic_url": "http://localhost:4576",
        "mailbox_url": "http://localhost:4577",
        "practice": KEPT,
    }


def test_keys_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "portal.json"
    file.write_text("an older one")
    file.chmod(0o644)
    sample.write_private(file, KEPT)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == KEPT
    assert list(tmp_path.iterdir()) == [file]
