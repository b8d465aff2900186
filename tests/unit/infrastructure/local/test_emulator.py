import json
from pathlib import Path

import pytest

from infrastructure.local import emulator
from infrastructure.local.emulator import Condition
from infrastructure.local.paths import Layout
from infrastructure.user_error import Trouble


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "local")
    layout.prepare()
    return layout


def save_lambda_state(layout: Layout, positions: dict[str, int]) -> Path:
    file = layout.state / "lambda.json"
    payload = {"functions": {"kept": 1}, "dynamodb_stream_positions": {"data": positions}}
    file.write_text(json.dumps({"__ministack_format__": 2, "payload": payload}))
    return file


def test_a_folder_without_saved_state_is_fresh(layout: Layout) -> None:
    assert emulator.condition(layout) is Condition.FRESH


def test_saved_state_with_the_marker_was_stopped_cleanly(layout: Layout) -> None:
    save_lambda_state(layout, {})
    layout.clean_stop.touch()
    assert emulator.condition(layout) is Condition.SAVED


def test_saved_state_without_the_marker_was_killed(layout: Layout) -> None:
    save_lambda_state(layout, {})
    assert emulator.condition(layout) is Condition.KILLED


def test_damaged_state_is_refused_with_what_to_do(layout: Layout) -> None:
    (layout.state / "dynamodb.json").write_text('{"payload": {"tab')
    with pytest.raises(Trouble, match=r"dynamodb\.json is damaged .*`make clean-local`"):
        emulator.condition(layout)


def test_stream_positions_are_forgotten_and_nothing_else(layout: Layout) -> None:
    file = save_lambda_state(layout, {"mapping": 7})
    emulator.make_ready(layout, Condition.SAVED)
    payload = json.loads(file.read_text())["payload"]
    assert payload == {"functions": {"kept": 1}, "dynamodb_stream_positions": {"data": {}}}


def test_objects_of_a_stack_that_was_never_saved_are_removed(layout: Layout) -> None:
    stray = layout.objects / "bucket" / "object"
    stray.parent.mkdir()
    stray.touch()
    found = emulator.condition(layout)
    assert found is Condition.LOST
    emulator.make_ready(layout, found)
    assert list(layout.objects.iterdir()) == []


@pytest.mark.parametrize("found", [Condition.SAVED, Condition.KILLED])
def test_objects_of_a_saved_stack_are_kept(layout: Layout, found: Condition) -> None:
    (layout.objects / "object").touch()
    emulator.make_ready(layout, found)
    assert (layout.objects / "object").exists()


def test_files_of_old_workers_are_removed(layout: Layout) -> None:
    (layout.temporary / "ministack-lambda-old").mkdir()
    emulator.make_ready(layout, Condition.SAVED)
    assert list(layout.temporary.iterdir()) == []


def test_the_emulator_enforces_iam_and_knows_nothing_of_the_users_own_account(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    environment = emulator.command(layout, 4566, smtp_port=4578, persistent=True).environment
    assert environment["AUTH"] == "true"
    assert environment["PERSIST_STATE"] == environment["S3_PERSIST"] == "1"
    assert environment["TMPDIR"] == str(layout.temporary)
    assert environment["BIND_HOST"] == "127.0.0.1"
    assert "AWS_PROFILE" not in environment
    assert "AWS_ACCESS_KEY_ID" not in environment
