"""The running program: what each process can reach, and that it comes back however it dies."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.installation import Installation, temporary_folder
from tests.support.people import Person
from tests.support.processes import wait_for

BACK_SECONDS_MAX = 40.0
ROLES = ("signer", "authority", "gateway")


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    folder = temporary_folder()
    installation = Installation.create(folder)
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def admin(running: Installation) -> Person:
    return running.administrator()


def files_of(pid: int) -> set[str]:
    """Everything that a process has open or mapped, by name."""
    found = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()}
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        words = line.split(None, 5)
        if len(words) == 6:
            found.add(words[5])
    return found


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")


def secret_places(installation: Installation) -> list[str]:
    return [str(installation.data / name) for name in ("keys", "authority", "kek", "run")]


@pytest.mark.usefixtures("admin")
def test_gateway_has_nothing_of_keys_and_database_open(running: Installation) -> None:
    pid = running.pid_of("gateway")
    for place in secret_places(running):
        assert not [name for name in files_of(pid) if name.startswith(place)]
        assert place not in environment_of(pid)
    assert not any("socket:" in name and "signer" in name for name in files_of(pid))


def test_gateway_is_told_of_its_own_directory_alone(running: Installation) -> None:
    pid = running.pid_of("gateway")
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    assert str(running.data / "gateway") in command
    assert str(running.data) not in command
    assert Path(f"/proc/{pid}/cwd").readlink() == running.data / "gateway"


@pytest.mark.usefixtures("admin")
def test_authority_holds_no_key_file(running: Installation) -> None:
    pid = running.pid_of("authority")
    for place in (running.data / "keys", running.data / "kek"):
        assert not [name for name in files_of(pid) if name.startswith(str(place))]


def test_signer_alone_can_not_be_looked_into(running: Installation) -> None:
    """It is not dumpable: its memory and descriptors belong to root, whoever else runs as the same user."""
    pid = running.pid_of("signer")
    assert Path(f"/proc/{pid}/environ").stat().st_uid == 0
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert [line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size")] == ["0"]


def test_processes_share_no_session_and_no_environment(running: Installation) -> None:
    sessions = {os.getsid(running.pid_of(role)) for role in ROLES}
    assert len(sessions) == len(ROLES)
    for role in ("authority", "gateway"):
        assert "HOME=" not in environment_of(running.pid_of(role))


def is_back(installation: Installation, role: str, before: int, who: Person) -> bool:
    try:
        changed = installation.pid_of(role) != before
    except (AssertionError, FileNotFoundError):
        return False
    return changed and who.run("status").returncode == 0


@pytest.mark.parametrize("role", ROLES)
def test_killed_process_comes_back_and_everything_works(running: Installation, admin: Person, role: str) -> None:
    before = {name: running.pid_of(name) for name in ROLES}
    os.kill(before[role], signal.SIGKILL)
    wait_for(lambda: is_back(running, role, before[role], admin), BACK_SECONDS_MAX)
    assert {name: running.pid_of(name) for name in ROLES if name != role} == {
        name: pid for name, pid in before.items() if name != role
    }
    assert admin.run("audit", "verify").returncode == 0


@pytest.mark.usefixtures("admin")
def test_log_of_the_processes_holds_no_secret(running: Installation) -> None:
    log = running.log.read_text()
    assert running.first_code not in log
    assert "Traceback" not in log
