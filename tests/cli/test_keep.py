"""The directory of a sign-in: its owner's alone, its files whole or not there."""

import os
import stat
from pathlib import Path

import pytest

from doorward.base.errors import Invalid, Refused
from doorward.cli.keep import FILE_BYTES_MAX, Keep


def test_a_directory_that_others_could_read_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    Keep(home).prepare()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    with pytest.raises(Refused):
        Keep(home).prepare()


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = Keep(tmp_path)
    keep.write("profile.json", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        keep.write("profile.json", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["profile.json"]
    assert keep.read("profile.json") == "old"


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "id_ed25519").symlink_to(tmp_path / "elsewhere")
    Keep(tmp_path).write("id_ed25519", "key")
    assert (tmp_path / "elsewhere").read_text() == "precious"
    assert not (tmp_path / "id_ed25519").is_symlink()


def test_reading_is_bounded_and_wants_text(tmp_path: Path) -> None:
    keep = Keep(tmp_path)
    (tmp_path / "long").write_bytes(b"x" * (FILE_BYTES_MAX + 1))
    (tmp_path / "bytes").write_bytes(b"\xff")
    for name in ("long", "bytes"):
        with pytest.raises(Invalid):
            keep.read(name)
    assert keep.read("none") is None
