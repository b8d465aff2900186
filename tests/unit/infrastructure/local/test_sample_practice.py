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

SAVED = {"id": "prc_1", "api_key": "key_1", "webhook_secret": "whsec_1"}
NEW_KEYS = {"rotate_api_key": {"api_key": "key_3"}, "rotate_webhook_secret": {"webhook_secret": "whsec_3"}}
CREATED = {"id": "prc_2", "api_key": "key_2", "webhook_secret": "whsec_2"}


class FakeStack:
    """A fake of the deployed portal. Requests with the API keys in `known` are accepted.

    The fake rotates the keys of the practices in `existing`, and creates the practice `CREATED`."""

    portal_url = "http://portal.localhost:4566"
    aws_endpoint_url = "http://127.0.0.1:4566"

    def __init__(
        self,
        *known: str,
        response: dict[str, Any] | None = None,
        existing: frozenset[str] = frozenset(),
        number_taken: bool = False,
    ) -> None:
        self._known = {f"Bearer {key}" for key in known}
        self._response = CREATED if response is None else response
        self._existing = existing
        self._number = {"error": {"code": "conflict"}} if number_taken else {"id": "prc_2"}
        self.requests: list[dict[str, Any]] = []

    def http(self) -> httpx.Client:
        def respond(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200 if request.headers["authorization"] in self._known else 401)

        return httpx.Client(base_url="http://portal", transport=httpx.MockTransport(respond))

    def invoke_admin(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(payload)
        if payload["action"] == "create_practice":
            return self._response
        if payload["action"] == "set_fax_number":
            return self._number
        if payload["practice_id"] not in self._existing:
            return {"error": {"code": "not-found"}}
        return {"id": payload["practice_id"], **NEW_KEYS[payload["action"]]}


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    return LocalPaths(tmp_path)


def ensure_practice(paths: LocalPaths, stack: FakeStack) -> dict[str, str]:
    return sample.ensure_practice(paths, cast("LocalStack", stack), Progress(0.0))


def test_a_practice_that_the_stack_has_is_used_again(paths: LocalPaths) -> None:
    sample.write_private(paths.practice, SAVED)
    assert ensure_practice(paths, FakeStack("key_1")) == SAVED


def test_a_practice_that_the_stack_lost_is_replaced(paths: LocalPaths) -> None:
    sample.write_private(paths.practice, SAVED)
    assert ensure_practice(paths, FakeStack()) == CREATED
    assert json.loads(paths.practice.read_text()) == CREATED


def test_a_practice_whose_keys_were_rotated_gets_new_keys_and_keeps_its_documents(paths: LocalPaths) -> None:
    sample.write_private(paths.practice, SAVED)
    renewed = {"id": "prc_1", "api_key": "key_3", "webhook_secret": "whsec_3"}
    assert ensure_practice(paths, FakeStack(existing=frozenset({"prc_1"}))) == renewed
    assert json.loads(paths.practice.read_text()) == renewed


def test_the_sample_practice_takes_electronic_signatures_without_an_account_too(paths: LocalPaths) -> None:
    stack = FakeStack()
    assert ensure_practice(paths, stack) == CREATED
    switches = {"electronic_signature": True, "sign_without_account": True}
    assert stack.requests[0] == {"action": "create_practice"} | switches | sample.PROFILE


def test_the_sample_practice_has_its_own_number_at_the_fax_carrier(paths: LocalPaths) -> None:
    stack = FakeStack()
    ensure_practice(paths, stack)
    own = {"action": "set_fax_number", "practice_id": CREATED["id"], "fax": "+13125790016"}
    assert stack.requests[1:] == [own]


def test_a_number_that_an_older_sample_practice_has_stops_nothing(
    paths: LocalPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ensure_practice(paths, FakeStack(number_taken=True)) == CREATED
    assert "An older sample practice has the fax number +13125790016" in capsys.readouterr().out


def test_a_damaged_file_of_keys_is_refused_with_advice(paths: LocalPaths) -> None:
    paths.practice.write_text('{"id": "prc')
    with pytest.raises(UserError, match=r"practice\.json is damaged .* remove it so"):
        ensure_practice(paths, FakeStack())


def test_a_refusal_of_the_admin_function_is_an_error(paths: LocalPaths) -> None:
    stack = FakeStack(response={"error": {"code": "invalid"}})
    with pytest.raises(UserError, match="could not create the sample practice"):
        ensure_practice(paths, stack)


def test_the_portal_file_is_the_contract() -> None:
    content = sample.portal_file(cast("LocalStack", FakeStack()), sample.Addresses(4566), SAVED)
    assert content == {
        "portal_url": "http://portal.localhost:4566",
        "aws_endpoint_url": "http://127.0.0.1:4566",
        "clinic_url": "http://localhost:4576",
        "mailbox_url": "http://localhost:4577",
        "fax_carrier_url": "http://127.0.0.1:4579",
        "return_fax": "+13125790016",
        "practice": SAVED,
    }


def test_keys_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "portal.json"
    file.write_text("an older file")
    file.chmod(0o644)
    sample.write_private(file, SAVED)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == SAVED
    assert list(tmp_path.iterdir()) == [file]
