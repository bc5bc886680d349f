"""`LOGIN@NODE.dw` with stock tools, by what `dw config ssh` prints: through `dw proxy ssh`, and through a jump."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo.terminal import Terminal
from tests.support.house import NODE, House, eventually
from tests.support.people import Person

BIN = Path(sys.executable).parent
HOST = f"{NODE}.dw"
SECONDS = 60


@dataclass
class Way:
    """One person's block of ssh_config, and programs that use it."""

    house: House
    person: Person
    config: Path

    @property
    def env(self) -> dict[str, str]:
        """`dw` on the path, as an installed one would be."""
        ssh = f"ssh -F {self.config} -o BatchMode=yes"
        own = self.person.env()
        return {**own, "PATH": f"{BIN}:{own['PATH']}", "GIT_SSH_COMMAND": ssh, "RSYNC_RSH": ssh}

    @property
    def target(self) -> str:
        """The account on the node."""
        return f"{self.house.root}@{HOST}"

    def ssh(self, *words: str) -> list[str]:
        """A command line of ssh."""
        return ["ssh", "-F", str(self.config), "-o", "BatchMode=yes", *words]

    def run(
        self, *words: str, stdin: bytes = b"", environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end."""
        variables = {**self.env, **(environment or {})}
        return subprocess.run(words, env=variables, input=stdin, capture_output=True, timeout=SECONDS, check=False)

    def proof_kind(self) -> str:
        """Of the session that was opened last."""
        kind: str = self.house.events("--type", "session.opened", "--limit", "1")[0]["fields"]["proof_kind"]
        return kind

    def must(self, *words: str, **environment: str) -> bytes:
        """What it printed; it must succeed."""
        done = self.run(*words, environment=environment)
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout


@pytest.fixture(scope="module")
def eve(house: House) -> Person:
    return house.user("eve")


@pytest.fixture(params=["proxy", "jump"])
def way(request: pytest.FixtureRequest, house: House, eve: Person) -> Way:
    config = eve.home / f"config-{request.param}"
    config.write_text(eve.dw("config", "ssh", *(["--jump"] if request.param == "jump" else [])))
    return Way(house, eve, config)


def test_a_command_runs_and_its_exit_status_is_exact(way: Way) -> None:
    done = way.run(*way.ssh(way.target, "id -un; cat; exit 7"), stdin=b"typed")
    assert (done.returncode, done.stdout) == (7, f"{way.house.root}\ntyped".encode()), done.stderr
    newest = way.house.sessions(way.person)[0]
    assert (newest["node_name"], newest["login"]) == (NODE, way.house.root)
    assert way.proof_kind() == "hostbound"


def test_a_shell_has_a_terminal(way: Way) -> None:
    with Terminal(way.ssh("-tt", way.target), way.env) as terminal:
        terminal.enter("tty; echo at $((40+2)) work\n")
        assert "/dev/pts/" in terminal.read_until("at 42 work")
        terminal.enter("exit 5\n")
        assert terminal.wait() == 5


def test_host_keys_are_checked_under_the_nodes_own_name(way: Way, tmp_path: Path) -> None:
    """With an authority that we do not know, or none, nothing opens."""
    (tmp_path / "known_hosts").write_text("")
    text = way.config.read_text().replace(str(way.person.keep / "known_hosts"), str(tmp_path / "known_hosts"))
    gateway, nodes = text.split("# Doorward: ssh LOGIN@NODE@", 1)[1], text.split("# Doorward: ssh LOGIN@NODE@", 1)[0]
    (tmp_path / "config").write_text(nodes + "#" + gateway.replace(str(tmp_path), str(way.person.keep)))
    done = way.run("ssh", "-F", str(tmp_path / "config"), "-o", "BatchMode=yes", way.target, "id")
    assert done.returncode == 255
    assert b"Host key verification failed" in done.stderr


def test_an_unknown_node_is_answered_as_a_forbidden_one(way: Way) -> None:
    way.house.admin.dw("apply", "-f", "-", stdin=FORBIDDEN)
    answers = []
    for host in ("forbidden-01", "no-such-01"):
        done = way.run(*way.ssh(f"{way.house.root}@{host}.dw", "id"))
        assert done.returncode == 255
        answers.append(done.stderr.decode().replace(host, "NODE"))
    assert answers[0] == answers[1]
    assert "is refused, or there is no such node" in answers[0]


def test_shared_connections_work_and_nodes_stay_apart(way: Way) -> None:
    shared = ["-o", "ControlMaster=auto", "-o", "ControlPersist=10"]
    before = len(way.house.sessions(way.person))
    for status in range(4):
        assert way.run(*way.ssh(*shared, way.target, f"exit {status}")).returncode == status
    assert len(way.house.sessions(way.person)) == before + 1
    assert way.run(*way.ssh(*shared, f"{way.house.root}@no-such-01.dw", "id")).returncode == 255
    way.run(*way.ssh("-O", "exit", way.target))


def test_a_lock_cuts_a_live_session(way: Way) -> None:
    with Terminal(way.ssh("-tt", way.target), way.env) as terminal:
        terminal.enter("echo at $((40+2)) work\n")
        terminal.read_until("at 42 work")
        session = way.house.sessions(way.person, live=True)[0]["id"]
        way.house.admin.dw("sessions", "end", session)
        assert terminal.wait() == 255
    assert way.house.ended(session)["end_reason"] in {"revoked", "dropped"}


def test_rsync_carries_a_folder_there_and_back(way: Way, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "data").write_bytes(os.urandom(300_000))
    folder = f"{way.target}:dwt-ways-{os.getpid()}/"
    for source, to in ((f"{tmp_path}/there/", folder), (folder, f"{tmp_path}/back/")):
        way.must("rsync", "-a", source, to)
    assert (tmp_path / "back" / "data").read_bytes() == (tmp_path / "there" / "data").read_bytes()


@pytest.mark.parametrize("form", ["-O", "-s"])
def test_scp_copies_a_file(way: Way, tmp_path: Path, form: str) -> None:
    (tmp_path / "file").write_bytes(os.urandom(100_000))
    there = f"{way.target}:dwt-scp-ways-{os.getpid()}"
    for source, to in ((str(tmp_path / "file"), there), (there, str(tmp_path / "back"))):
        way.must("scp", form, "-F", str(way.config), source, to)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


def test_sftp_puts_and_gets(way: Way, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(100_000))
    name = f"dwt-sftp-ways-{os.getpid()}"
    (tmp_path / "batch").write_text(f"put {tmp_path}/file {name}\nget {name} {tmp_path}/back\nrm {name}\n")
    way.must("sftp", "-F", str(way.config), "-b", str(tmp_path / "batch"), way.target)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


def test_git_pushes_and_clones(way: Way, tmp_path: Path) -> None:
    bare = f"dwt-git-{os.getpid()}-{way.config.name}.git"
    way.must(*way.ssh(way.target, f"git init -q --bare {bare}"))
    home = way.must(*way.ssh(way.target, "pwd")).decode().strip()
    local = ["git", "-C", str(tmp_path / "local")]
    named = ["-c", "user.name=eve", "-c", "user.email=eve@example.org"]
    way.must("git", "init", "-q", "-b", "main", str(tmp_path / "local"))
    (tmp_path / "local" / "file").write_text("content\n")
    way.must(*local, "add", "file")
    way.must(*local, *named, "commit", "-q", "-m", "first")
    way.must(*local, "push", "-q", f"ssh://{way.target}{home}/{bare}", "main")
    way.must("git", "clone", "-q", "-b", "main", f"{way.target}:{bare}", str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "file").read_text() == "content\n"


def test_a_host_out_of_a_repositorys_address_runs_no_command(way: Way, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for host in (f"x`touch${{IFS}}{mark}`.dw", f"$(touch${{IFS}}{mark}).dw", f"x';touch${{IFS}}{mark};'.dw"):
        way.run("git", "clone", "-q", f"ssh://{host}/repo", str(tmp_path / "clone"))
    assert not mark.exists()


def test_ansible_pings_and_runs_commands(way: Way, tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("")
    inventory = tmp_path / "inventory"
    inventory.write_text(f"{HOST} ansible_user={way.house.root} ansible_python_interpreter=/usr/bin/python3\n")
    settings = {
        "ANSIBLE_SSH_ARGS": f"-C -o ControlMaster=auto -o ControlPersist=3s -F {way.config}",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    ansible = [str(BIN / "ansible"), "-i", str(inventory), "all"]
    assert b'"ping": "pong"' in way.must(*ansible, "-m", "ping", **settings)
    copied = way.must(*ansible, "-m", "ping", **{**settings, "ANSIBLE_PIPELINING": "0"})  # by sftp, then run
    assert b'"ping": "pong"' in copied
    assert b"| CHANGED" in way.must(*ansible, "-m", "command", "-a", "id -un", **settings)
    raw = way.must(*ansible, "-m", "raw", "-a", "id -un", **settings)
    assert way.house.root.encode() in raw


def test_a_second_user_does_not_open_inside_another_ones_way(house: House, way: Way) -> None:
    mallory = house.user(f"mallory-{way.config.name}")
    options = mallory.ssh_options()[2:]  # mallory's keys for the connection inside, eve's for the way
    done = way.run("ssh", "-F", str(way.config), *[word for word in options if "UserKnown" not in word][:4], way.target)
    assert done.returncode == 255
    assert b"inside one of another user" in done.stderr
    assert house.sessions(mallory) == []


def test_a_critical_node_wants_clients_that_sign_what_they_see(house: House, way: Way) -> None:
    name = f"critical-{way.config.name.removeprefix('config-')}"
    node = house.another_node(name, "criticality=critical")
    target = f"{house.root}@{node.name}.dw"
    done = way.run(*way.ssh("-o", "PubkeyAuthentication=unbound", target, "id"))
    assert done.returncode == 255
    assert b"use OpenSSH 8.9 or later" in done.stderr
    assert way.run(*way.ssh(target, "exit 3")).returncode == 3
    ordinary = way.run(*way.ssh("-o", "PubkeyAuthentication=unbound", way.target, "exit 4"))
    assert ordinary.returncode == 4
    assert way.proof_kind() == "unbound"


def test_a_way_whose_sign_in_is_over_opens_nothing(house: House) -> None:
    person = house.user("frank")
    config = person.home / "config"
    config.write_text(person.dw("config", "ssh", "--jump"))
    kept = {path: path.read_bytes() for path in person.keep.iterdir() if path.is_file()}
    person.dw("logout")
    for path, content in kept.items():
        path.write_bytes(content)
        path.chmod(0o600)
    for words in ([], ["-o", "ProxyJump=none", "-o", "ProxyCommand=dw proxy ssh %h"]):
        way = Way(house, person, config)
        done = way.run(*way.ssh(*words, f"{house.root}@{HOST}", "id"))
        assert done.returncode == 255
        assert b"uid=" not in done.stdout
    assert eventually(lambda: house.sessions(person) == [], "a session opened")


FORBIDDEN = """\
kind: node
version: v1
metadata: {name: forbidden-01, labels: {env: elsewhere}}
spec: {address: '192.0.2.80:22'}
"""
