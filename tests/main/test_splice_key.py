"""The master key of those by which gateways prove whose connections they pass on: made once, kept, and ours alone."""

from pathlib import Path

import pytest

from doorward.main.layout import Layout, make_private_directory
from doorward.main.settings import BadSettings
from doorward.main.splice_key import KEY_BYTES, read_splice_master
from doorward.stores.keys.private_files import KeysRefused


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    make_private_directory(made.authority)
    return made


def test_key_is_made_once_and_kept(layout: Layout) -> None:
    key = read_splice_master(layout)
    assert len(key) == KEY_BYTES
    assert read_splice_master(layout) == key
    assert layout.splice_key.stat().st_mode & 0o777 == 0o600


def test_two_installations_have_two_keys(layout: Layout, tmp_path: Path) -> None:
    other = Layout(tmp_path / "other")
    make_private_directory(other.authority)
    assert read_splice_master(layout) != read_splice_master(other)


def test_key_that_others_can_read_is_refused(layout: Layout) -> None:
    read_splice_master(layout)
    layout.splice_key.chmod(0o644)
    with pytest.raises(KeysRefused):
        read_splice_master(layout)


@pytest.mark.parametrize("content", [b"", b"x" * (KEY_BYTES - 1), b"x" * (KEY_BYTES + 1)])
def test_key_of_another_length_is_refused(layout: Layout, content: bytes) -> None:
    layout.splice_key.write_bytes(content)
    layout.splice_key.chmod(0o600)
    with pytest.raises(BadSettings):
        read_splice_master(layout)
