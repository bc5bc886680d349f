"""What must keep a process from starting keeps it, with a line that says why and no trace of our insides."""

import base64
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.installation import DOORWARD, Installation, temporary_folder

from doorward.base.entropy import SystemEntropy
from doorward.base.ids import new_id
from doorward.main.layout import Layout

RUN_SECONDS_MAX = 30


@pytest.fixture(scope="module")
def made() -> Iterator[Installation]:
    """One installation, of which each test breaks a copy."""
    folder = temporary_folder()
    yield Installation.create(folder)
    shutil.rmtree(folder)


@pytest.fixture
def copy(made: Installation) -> Iterator[Layout]:
    folder = temporary_folder()
    shutil.copytree(made.data, folder / "data")
    (folder / "data").chmod(0o700)
    yield Layout(folder / "data")
    shutil.rmtree(folder)


def refused(copy: Layout, *words: str, environment: dict[str, str] | None = None) -> str:
    """Run it; it ends at once with one line on stderr, which is returned."""
    done = subprocess.run(
        [*DOORWARD, "serve", "--data", str(copy.root), *words],
        env=environment or {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("doorward: ")
    return lines[0]


def key_file(copy: Layout) -> Path:
    return sorted(copy.keys.iterdir())[0]


@pytest.mark.parametrize(
    ("expose", "named"),
    [
        (lambda copy: copy.key_encryption_key.chmod(0o640), "kek"),
        (lambda copy: copy.key_encryption_key.chmod(0o604), "kek"),
        (lambda copy: key_file(copy).chmod(0o644), "keys"),
        (lambda copy: copy.keys.chmod(0o755), "keys"),
        (lambda copy: copy.root.chmod(0o750), "data"),
    ],
)
def test_what_others_can_read_stops_the_signer(copy: Layout, expose: Callable[[Layout], None], named: str) -> None:
    expose(copy)
    assert named in refused(copy, "--role", "signer")


def test_wrong_key_encryption_key_stops_the_signer(copy: Layout) -> None:
    copy.key_encryption_key.write_bytes(base64.b64encode(bytes(32)) + b"\n")
    assert "key" in refused(copy, "--role", "signer")


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 44])
def test_key_encryption_key_that_is_none_stops_the_signer(copy: Layout, content: bytes) -> None:
    copy.key_encryption_key.write_bytes(content)
    line = refused(copy, "--role", "signer")
    assert "key-encryption key" in line
    assert "short" not in line


def test_missing_or_changed_keys_stop_the_signer(copy: Layout) -> None:
    changed = bytearray(key_file(copy).read_bytes())
    changed[-1] ^= 1
    key_file(copy).write_bytes(bytes(changed))
    refused(copy, "--role", "signer")
    key_file(copy).unlink()
    refused(copy, "--role", "signer")


def test_keys_of_another_installation_stop_the_signer(copy: Layout) -> None:
    copy.installation.write_text(new_id(SystemEntropy()) + "\n")
    refused(copy, "--role", "signer")


def test_database_of_another_installation_stops_the_authority(copy: Layout) -> None:
    other = new_id(SystemEntropy())
    copy.installation.write_text(other + "\n")
    line = refused(copy, "--role", "authority")
    assert other in line
    assert "belongs to installation" in line


def test_database_that_others_can_read_stops_the_authority(copy: Layout) -> None:
    copy.database.chmod(0o644)
    assert "doorward.db" in refused(copy, "--role", "authority")


def test_wrong_settings_stop_everything(copy: Layout) -> None:
    copy.config.write_text("listen: nowhere\n")
    assert "listen" in refused(copy, "--role", "authority")
    assert "listen" in refused(copy)


def test_directory_without_an_installation_says_what_to_run(copy: Layout) -> None:
    copy.installation.unlink()
    assert "doorward init" in refused(copy)


@pytest.mark.parametrize("content", ["", "{}", "[]", "no json", '{"gateway_id": "x"}'])
def test_gateway_without_an_identity_does_not_start(copy: Layout, content: str) -> None:
    (copy.gateway / "gateway.json").write_text('{"listen": ["127.0.0.1:1"], "authority": "127.0.0.1:1"}')
    copy.gateway_identity.write_text(content)
    assert "identity" in refused(Layout(copy.gateway), "--role", "gateway")


def test_gateways_identity_that_others_can_read_stops_it(copy: Layout) -> None:
    (copy.gateway / "gateway.json").write_text('{"listen": ["127.0.0.1:1"], "authority": "127.0.0.1:1"}')
    copy.gateway_identity.chmod(0o644)
    assert "identity" in refused(Layout(copy.gateway), "--role", "gateway")


def test_failed_start_of_one_process_is_told_by_its_name(copy: Layout) -> None:
    copy.key_encryption_key.chmod(0o644)
    done = subprocess.run(
        [*DOORWARD, "serve", "--data", str(copy.root)],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 1
    assert "signer stopped while starting" in done.stderr
    assert "kek" in done.stderr
    assert "Traceback" not in done.stderr
