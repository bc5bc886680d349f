"""Private files: what is open to others, a link or not a file stops us; writing leaves whole files or none."""

import os
from pathlib import Path

import pytest

from doorward.stores.keys.private_files import (
    PRIVATE_FILE_BYTES_MAX,
    KeysRefused,
    check_private_directory,
    read_private_file,
    write_private_file,
)


def written(tmp_path: Path, mode: int = 0o600) -> Path:
    path = tmp_path / "key"
    path.write_bytes(b"content")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_file_of_ours_alone_is_read(tmp_path: Path, mode: int) -> None:
    assert read_private_file(written(tmp_path, mode)) == b"content"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601, 0o610, 0o777])
def test_file_open_to_others_in_any_way_is_refused_in_one_line(tmp_path: Path, mode: int) -> None:
    with pytest.raises(KeysRefused) as caught:
        read_private_file(written(tmp_path, mode))
    assert "open to others" in caught.value.message
    assert "\n" not in caught.value.message


def test_credential_may_show_the_mask_of_an_access_list_as_group_bits_and_nothing_more(tmp_path: Path) -> None:
    assert read_private_file(written(tmp_path, 0o440), group_may_read=True) == b"content"
    for mode in (0o460, 0o444, 0o450):
        with pytest.raises(KeysRefused):
            read_private_file(written(tmp_path, mode), group_may_read=True)


def test_link_to_a_good_file_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(written(tmp_path))
    with pytest.raises(KeysRefused, match="can not be read"):
        read_private_file(link)


def test_missing_file_directory_and_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "directory").mkdir(mode=0o700)
    for name in ("missing", "directory", "pipe"):
        with pytest.raises(KeysRefused):
            read_private_file(tmp_path / name)


def test_file_too_long_to_be_a_key_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(bytes(PRIVATE_FILE_BYTES_MAX + 1))
    with pytest.raises(KeysRefused, match="too long"):
        read_private_file(path)


def test_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    owner = path.stat().st_uid
    if owner == 0:  # root's own file counts as ours for every user, so it must belong to somebody else
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeysRefused, match="belongs to user"):
        read_private_file(path)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o711, 0o777])
def test_directory_that_others_can_enter_is_refused(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "keys"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(KeysRefused, match="open to others"):
        check_private_directory(directory)


def test_missing_directory_and_file_in_its_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KeysRefused, match="can not be read"):
        check_private_directory(tmp_path / "missing")
    with pytest.raises(KeysRefused, match="not a directory"):
        check_private_directory(written(tmp_path))


def test_written_file_is_ours_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private_file(tmp_path / "new", b"content", may_replace=False)
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o7777 == 0o600
    assert read_private_file(tmp_path / "new") == b"content"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_existing_file_is_never_overwritten_by_accident(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(KeysRefused, match="exists already"):
        write_private_file(path, b"other", may_replace=False)
    assert path.read_bytes() == b"content"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_replacing_is_whole_and_survives_the_leftovers_of_a_crash(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / ".new-key").write_bytes(b"half")
    write_private_file(path, b"other", may_replace=True)
    assert path.read_bytes() == b"other"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_link_planted_where_the_new_file_is_made_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".new-key").symlink_to(victim)
    write_private_file(tmp_path / "key", b"content", may_replace=False)
    assert victim.read_bytes() == b"precious"
