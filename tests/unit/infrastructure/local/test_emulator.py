import json
from pathlib import Path

import pytest

from infrastructure.local import emulator
from infrastructure.local.emulator import Condition
from infrastructure.local.paths import LocalPaths
from infrastructure.user_error import UserError


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    paths = LocalPaths(tmp_path / "local")
    paths.prepare()
    return paths


def save_lambda_state(paths: LocalPaths, positions: dict[str, int]) -> Path:
    file = paths.state / "lambda.json"
    payload = {"functions": {"saved": 1}, "dynamodb_stream_positions": {"data": positions}}
    file.write_text(json.dumps({"__ministack_format__": 2, "payload": payload}))
    return file


def test_a_folder_without_saved_state_is_fresh(paths: LocalPaths) -> None:
    assert emulator.read_condition(paths) is Condition.FRESH


def test_saved_state_with_the_marker_was_stopped_cleanly(paths: LocalPaths) -> None:
    save_lambda_state(paths, {})
    paths.clean_stop.touch()
    assert emulator.read_condition(paths) is Condition.SAVED


def test_saved_state_without_the_marker_was_killed(paths: LocalPaths) -> None:
    save_lambda_state(paths, {})
    assert emulator.read_condition(paths) is Condition.KILLED


def test_damaged_state_is_refused_with_advice(paths: LocalPaths) -> None:
    (paths.state / "dynamodb.json").write_text('{"payload": {"tab')
    with pytest.raises(UserError, match=r"dynamodb\.json is damaged .*`make clean-local`"):
        emulator.read_condition(paths)


def test_only_stream_positions_are_removed_from_the_saved_state(paths: LocalPaths) -> None:
    file = save_lambda_state(paths, {"mapping": 7})
    emulator.prepare(paths, Condition.SAVED)
    payload = json.loads(file.read_text())["payload"]
    assert payload == {"functions": {"saved": 1}, "dynamodb_stream_positions": {"data": {}}}


def test_objects_of_a_stack_that_was_never_saved_are_removed(paths: LocalPaths) -> None:
    stray = paths.objects / "bucket" / "object"
    stray.parent.mkdir()
    stray.touch()
    condition = emulator.read_condition(paths)
    assert condition is Condition.LOST
    emulator.prepare(paths, condition)
    assert list(paths.objects.iterdir()) == []


@pytest.mark.parametrize("condition", [Condition.SAVED, Condition.KILLED])
def test_objects_of_a_saved_stack_stay(paths: LocalPaths, condition: Condition) -> None:
    (paths.objects / "object").touch()
    emulator.prepare(paths, condition)
    assert (paths.objects / "object").exists()


def test_files_of_old_workers_are_removed(paths: LocalPaths) -> None:
    (paths.temporary / "ministack-lambda-old").mkdir()
    emulator.prepare(paths, Condition.SAVED)
    assert list(paths.temporary.iterdir()) == []


def test_the_emulator_enforces_iam_and_does_not_see_the_users_aws_account(
    paths: LocalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    environment = emulator.command(paths, 4566, smtp_port=4578, persistent=True).environment
    assert environment["AUTH"] == "true"
    assert environment["PERSIST_STATE"] == environment["S3_PERSIST"] == "1"
    assert environment["TMPDIR"] == str(paths.temporary)
    assert environment["BIND_HOST"] == "127.0.0.1"
    assert "AWS_PROFILE" not in environment
    assert "AWS_ACCESS_KEY_ID" not in environment
