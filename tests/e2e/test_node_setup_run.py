"""`dw nodes setup --run` over the stock ssh to a real sshd, with a key given for this once; and its connection lost."""

import getpass
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from demo.people import DW
from tests.support.accounts import account
from tests.support.house import ROOT, House
from tests.support.node_lab import declared, everything, programs, script_environment
from tests.support.openssh import SSH, Sshd, SshdSettings
from tests.support.ports import LOOPBACK, answers
from tests.support.ssh_keys import KeyFiles, make_key

LOGIN = account(ROOT).login
WAIT_SECONDS_MAX = 40.0


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> KeyFiles:
    """The key for this once."""
    return make_key(tmp_path_factory.mktemp("once") / "key")


@pytest.fixture
def sshd(key: KeyFiles) -> Iterator[Sshd]:
    """An sshd that gives whoever comes the variables by which the script finds it."""
    with Sshd(SshdSettings(authorized_key_lines=(key.public_line,))) as server:
        slow = f"touch {server.directory}/log.reached; kill -HUP {server.pid}; sleep 2"
        found = {**script_environment(server), "DOORWARD_RELOAD": slow}
        lines = [f'"{name}={value}"' for name, value in found.items() if name.startswith("DOORWARD_")]
        file = server.directory / "sshd_config"
        file.write_text(f"SetEnv {' '.join(lines)}\n" + file.read_text())
        os.kill(server.pid, signal.SIGHUP)
        until(lambda: answers(server.port, first_bytes=b"SSH-2.0-"))
        yield server


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS_MAX
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def files(sshd: Sshd) -> dict[str, tuple[int, bytes]]:
    try:
        return {path: found for path, found in everything(sshd).items() if not path.endswith("log.reached")}
    except FileNotFoundError:  # one went while we looked: it is being undone
        return {}


def command(house: House, name: str, sshd: Sshd, key: KeyFiles) -> list[str]:
    words = ["nodes", "setup", name, "--login", LOGIN, "--run", "--ssh-key", str(key.private)]
    return [*DW, *words, f"{getpass.getuser()}@{LOOPBACK}:{sshd.port}"]


def environment(house: House, sshd: Sshd, folder: Path) -> dict[str, str]:
    """The stock ssh, told by the administrator where the known host is written, and leaving its process id."""
    known = folder / "known_hosts"
    known.write_text(sshd.known_hosts_line() + "\n")
    path = programs(folder / "bin", ssh=f'echo $$ > {folder}/pid\nexec {SSH} -o UserKnownHostsFile={known} "$@"')
    return {**house.admin.env(), "PATH": path}


def test_a_node_is_set_up_from_here(house: House, sshd: Sshd, key: KeyFiles, tmp_path: Path) -> None:
    name = declared(house.admin, sshd, "run-01")
    words, env = command(house, name, sshd, key), environment(house, sshd, tmp_path)
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"this host is {name}" in done.stdout
    assert house.ssh(house.user("rosa"), "exit 3", node=name).returncode == 3


def test_an_unknown_host_is_refused_where_nobody_can_be_asked(
    house: House, sshd: Sshd, key: KeyFiles, tmp_path: Path
) -> None:
    words = command(house, declared(house.admin, sshd, "run-02"), sshd, key)
    env = environment(house, sshd, tmp_path)
    (tmp_path / "known_hosts").write_text("")
    before = files(sshd)
    done = subprocess.run(
        words, env=env, capture_output=True, timeout=60, check=False, start_new_session=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 255
    assert files(sshd) == before


def test_a_connection_lost_in_the_middle_undoes_it(house: House, sshd: Sshd, key: KeyFiles, tmp_path: Path) -> None:
    words = command(house, declared(house.admin, sshd, "run-03"), sshd, key)
    before = files(sshd)
    with subprocess.Popen(words, env=environment(house, sshd, tmp_path), stdout=subprocess.PIPE) as run:
        until((sshd.directory / "log.reached").exists)
        assert files(sshd) != before
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        assert run.wait(timeout=30) != 0
    until(lambda: files(sshd) == before)
