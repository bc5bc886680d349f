"""A client's secret comes from where the operator put it, and no connector reads anything else."""

import os
from pathlib import Path

import pytest

from doorward.authority.oidc.secrets import SECRET_BYTES_MAX, ClientSecrets, SecretMissing
from doorward.domain.kinds.oidc_connector import SecretReference


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "secrets"
    made.mkdir(mode=0o700)
    return made


def put(path: Path, content: bytes = b"s3cret\n", mode: int = 0o600) -> SecretReference:
    path.write_bytes(content)
    path.chmod(mode)
    return SecretReference("file", str(path))


async def test_a_file_in_the_folder_is_read_without_its_line_end(folder: Path) -> None:
    assert (await ClientSecrets([folder]).read(put(folder / "corp"))).reveal() == b"s3cret"


async def test_a_replaced_file_counts_at_once(folder: Path) -> None:
    secrets = ClientSecrets([folder])
    reference = put(folder / "corp")
    await secrets.read(reference)
    put(folder / "corp", b"other")
    assert (await secrets.read(reference)).reveal() == b"other"


async def test_no_file_elsewhere_is_read_by_whatever_path(folder: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "key")
    (folder / "link").symlink_to(tmp_path / "key")
    (folder / "up").symlink_to(tmp_path)
    paths = [outside.name, str(folder / "link"), str(folder / ".." / "key"), str(folder / "up" / "key"), "/dev/stdin"]
    for path in paths:
        with pytest.raises(SecretMissing):
            await ClientSecrets([folder]).read(SecretReference("file", path))
    with pytest.raises(SecretMissing):
        await ClientSecrets().read(outside)


@pytest.mark.parametrize(
    ("content", "mode"),
    [(b"s", 0o604), (b"", 0o600), (b"\n", 0o600), (b"x" * (SECRET_BYTES_MAX + 1), 0o600), (b"\xff", 0o600)],
    ids=["others may read it", "empty", "a line end", "too long", "no ASCII"],
)
async def test_a_file_that_is_no_secret_is_refused(folder: Path, content: bytes, mode: int) -> None:
    with pytest.raises(SecretMissing):
        await ClientSecrets([folder]).read(put(folder / "corp", content, mode))


async def test_what_is_no_plain_file_does_not_hold_us_up(folder: Path) -> None:
    os.mkfifo(folder / "pipe", 0o600)
    (folder / "folder").mkdir()
    for name in ("pipe", "folder", "missing"):
        with pytest.raises(SecretMissing):
            await ClientSecrets([folder]).read(SecretReference("file", str(folder / name)))


async def test_variables_of_our_prefix_alone_are_read() -> None:
    secrets = ClientSecrets(environment={"DOORWARD_OIDC_CORP": "s3cret", "DOORWARD_KEK": "key", "PATH": "/bin"})
    assert (await secrets.read(SecretReference("env", "DOORWARD_OIDC_CORP"))).reveal() == b"s3cret"
    for name in ("DOORWARD_KEK", "PATH", "DOORWARD_OIDC_MISSING"):
        with pytest.raises(SecretMissing) as missing:
            await secrets.read(SecretReference("env", name))
        assert "/bin" not in missing.value.message
