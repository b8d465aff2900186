import stat
from pathlib import Path

import pytest

from infrastructure.local.paths import Layout
from infrastructure.user_error import Trouble


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "local")
    layout.prepare()
    assert stat.S_IMODE(layout.home.stat().st_mode) == 0o700
    assert layout.state.is_dir()


def test_preparing_again_keeps_what_is_there(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "local")
    layout.prepare()
    (layout.state / "s3.json").write_text("{}")
    layout.prepare()
    assert (layout.state / "s3.json").exists()


def test_a_file_in_the_place_of_a_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "local")
    layout.home.mkdir()
    (layout.home / "log").touch()
    with pytest.raises(Trouble, match=r"cannot be prepared .*\(sudo chown"):
        layout.prepare()


def test_an_unwritable_folder_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / "local")
    # Root may write anywhere, so the answer of the system is made up here.
    monkeypatch.setattr("os.access", lambda path, _mode: path != layout.state)
    with pytest.raises(Trouble, match=r"state cannot be written\. Make the folder yours"):
        layout.prepare()
