import stat
from pathlib import Path

import pytest

from infrastructure.local.paths import LocalPaths
from infrastructure.user_error import UserError


def test_only_the_owner_may_read_the_folder(tmp_path: Path) -> None:
    paths = LocalPaths(tmp_path / "local")
    paths.prepare()
    assert stat.S_IMODE(paths.home.stat().st_mode) == 0o700
    assert paths.state.is_dir()


def test_preparing_the_folders_again_keeps_their_files(tmp_path: Path) -> None:
    paths = LocalPaths(tmp_path / "local")
    paths.prepare()
    (paths.state / "s3.json").write_text("{}")
    paths.prepare()
    assert (paths.state / "s3.json").exists()


def test_a_file_in_place_of_a_folder_is_refused_with_advice(tmp_path: Path) -> None:
    paths = LocalPaths(tmp_path / "local")
    paths.home.mkdir()
    (paths.home / "log").touch()
    with pytest.raises(UserError, match=r"cannot be prepared .*\(sudo chown"):
        paths.prepare()


def test_an_unwritable_folder_is_refused_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = LocalPaths(tmp_path / "local")
    # Root may write anywhere, so the response of the system is faked.
    monkeypatch.setattr("os.access", lambda path, _mode: path != paths.state)
    with pytest.raises(UserError, match=r"state cannot be written\. Make the folder yours"):
        paths.prepare()
