"""Directories are ours alone, or nothing starts."""

import os
from pathlib import Path

import pytest

from doorward.base.errors import Invalid
from doorward.main.installation import NotInitialised, read_installation_id
from doorward.main.layout import (
    MEETING_MODE,
    Layout,
    check_meeting_place,
    check_private,
    check_root,
    make_private_directory,
)
from doorward.main.settings import BadSettings


def test_made_directory_is_ours_alone(tmp_path: Path) -> None:
    make_private_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o740, 0o755, 0o777])
def test_directory_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(mode)
    with pytest.raises(BadSettings, match="others may read it"):
        make_private_directory(tmp_path / "data")


def test_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(BadSettings, match="another user"):
        check_private(tmp_path / "data")


@pytest.mark.parametrize("mode", [0o700, 0o710, 0o711])
def test_shared_directory_may_be_passed_through(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    check_root(tmp_path, is_shared=True)


@pytest.mark.parametrize("mode", [0o715, 0o713, 0o751, 0o731, 0o755, 0o777])
def test_shared_directory_that_others_may_list_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(BadSettings, match="list or change"):
        check_root(tmp_path, is_shared=True)


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o711])
def test_directory_that_is_not_shared_may_not_be_passed_through(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(BadSettings, match="others may read it"):
        check_root(tmp_path, is_shared=False)


def test_shared_directory_is_roots_or_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner != 0:
        with pytest.raises(BadSettings, match="neither root nor us"):
            check_root(tmp_path, is_shared=True)
    else:
        check_root(tmp_path, is_shared=True)


@pytest.mark.parametrize("mode", [0o2700, 0o710, 0o2711, 0o2730, 0o2750])
def test_directory_of_the_signers_socket_opens_the_way_to_its_group_alone(tmp_path: Path, mode: int) -> None:
    group = tmp_path.stat().st_gid
    tmp_path.chmod(MEETING_MODE)
    check_meeting_place(tmp_path, group)
    with pytest.raises(BadSettings, match="mode 2710"):
        check_meeting_place(tmp_path, group + 1)
    tmp_path.chmod(mode)
    with pytest.raises(BadSettings, match="mode 2710"):
        check_meeting_place(tmp_path, group)


def test_each_role_has_a_place_of_its_own() -> None:
    layout = Layout(Path("/data"))
    places = [layout.keys, layout.authority, layout.gateway, layout.run]
    assert len({one.parts for one in places}) == 4
    assert all(not one.is_relative_to(other) for one in places for other in places if one != other)
    assert not layout.key_encryption_key.is_relative_to(layout.keys)


def test_directory_without_an_installation_says_what_to_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotInitialised, match="doorward init --data"):
            read_installation_id(Layout(root))


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff\xff", b"A" * 26])
def test_damaged_installation_id_is_refused(tmp_path: Path, content: bytes) -> None:
    tmp_path.chmod(0o700)
    Layout(tmp_path).installation.write_bytes(content)
    with pytest.raises(Invalid):
        read_installation_id(Layout(tmp_path))
