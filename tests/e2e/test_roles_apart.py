"""Each role by itself, and a second gateway that joined from a directory of its own, under another address.

127.0.0.2 stands for another host: the second gateway knows its own directory, reaches the authority over mutual TLS and
nothing else of it.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from demo.installation import DOORWARD, Installation, temporary_folder
from demo.people import Person
from demo.ports import free_port
from demo.terminal import Terminal
from tests.support.accounts import account
from tests.support.house import APP, NODE, ROOT, eventually, role
from tests.support.node_lab import PreparedNode, prepare_node
from tests.support.processes import end
from tests.support.road import Road

CUT_SECONDS_MAX = 1.0
LEASE_SECONDS = 10
RENEWED_SECONDS_MAX = 4
"""How long before its end a gateway has renewed its lease at the latest: each two seconds, and what a call takes."""
FAR = "127.0.0.2"


@dataclass
class Apart:
    """An installation whose roles are processes without a supervisor, and a second gateway."""

    installation: Installation
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    admin: Person = field(init=False)
    node: PreparedNode = field(init=False)
    far_port: int = field(default_factory=free_port)
    far_metrics_port: int = field(default_factory=free_port)
    road: Road = field(init=False)
    """The second gateway's way to the authority."""

    @property
    def far(self) -> Path:
        """The second gateway's directory."""
        return self.installation.folder / "far"

    def start(self, name: str, role_name: str, data: Path) -> None:
        """Run one role until it says that it is ready."""
        reader, writer = os.pipe()
        env = {**self.installation.env(), "DOORWARD_READY_FD": str(writer)}
        with self.installation.log.open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*DOORWARD, "serve", "--data", str(data), "--role", role_name],
                env=env,
                pass_fds=(writer,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        os.close(writer)
        with os.fdopen(reader, "rb") as ready:
            assert ready.read(1) == b"1", self.installation.log.read_text()

    def stop(self) -> None:
        """End every role."""
        for one in reversed(self.running.values()):
            end(one)

    def join(self, token: str, data: Path, *, name: str = FAR) -> subprocess.CompletedProcess[str]:
        """`doorward join` in that directory."""
        words = ["join", "--data", str(data), "--authority", f"127.0.0.1:{self.road.port}"]
        words += [
            "--ca-pin",
            self.installation.pin,
            "--token",
            "-",
            "--name",
            name,
            "--listen",
            f"{FAR}:{self.far_port}",
            "--metrics-listen",
            f"{FAR}:{self.far_metrics_port}",
        ]
        return subprocess.run(
            [*DOORWARD, *words],
            env=self.installation.env(),
            input=token + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def token(self, name: str, host: str) -> str:
        """One for a gateway of that name."""
        said = self.admin.dw("tokens", "add", "--type", "gateway", "--name", name, "--host", host)
        return str(re.findall(r"^token: (\S+)", said, re.MULTILINE)[0])

    def command(self, person: Person, gateway: str, *words: str, options: tuple[str, ...] = ()) -> list[str]:
        """Stock ssh through one of the two."""
        port = self.far_port if gateway == FAR else self.installation.port
        return [
            "ssh",
            *person.ssh_options(),
            *options,
            "-p",
            str(port),
            f"{account(ROOT).login}@{NODE}@{gateway}",
            *words,
        ]

    def shell(self, person: Person, gateway: str) -> Terminal:
        """A live shell, once it has answered."""
        terminal = Terminal(self.command(person, gateway, options=("-tt",)), person.env())
        try:
            terminal.enter("echo at $((40+2)) work\n")
            terminal.read_until("at 42 work")
        except BaseException:
            terminal.close()
            raise
        return terminal

    def sessions(self, person: Person) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = json.loads(self.admin.dw("sessions", "ls", "--user", person.name, "--json"))
        return found


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    folder = temporary_folder()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = Apart(Installation.create(folder))
        stack.callback(made.stop)
        data = made.installation.data
        made.start("signer", "signer", data)
        made.start("authority", "authority", data)
        made.road = Road(made.installation.authority_port)
        stack.callback(made.road.end)
        made.start("near", "gateway", data / "gateway")
        made.admin = made.installation.administrator()
        made.admin.dw("apply", "-f", "-", stdin=role("ops"))
        joined = made.join(made.token("far", FAR), made.far)
        assert joined.returncode == 0, joined.stderr
        made.start("far", "gateway", made.far)
        made.node = prepare_node(made.admin, NODE, [ROOT, APP], ["env=prod"])
        stack.callback(made.node.sshd.close)
        yield made


def test_both_gateways_lead_to_the_node(apart: Apart) -> None:
    person = apart.installation.enrolled(apart.admin, "both", "ops")
    for gateway in ("localhost", FAR):
        done = subprocess.run(
            apart.command(person, gateway, "exit 3"), env=person.env(), capture_output=True, timeout=40, check=False
        )
        assert done.returncode == 3, done.stderr
    listed = json.loads(apart.admin.dw("gateways", "ls", "--json"))
    assert {one["name"]: one["state"] for one in listed} == {"embedded": "in contact", "far": "in contact"}


def test_a_gateways_directory_holds_its_own_and_nothing_else(apart: Apart) -> None:
    assert {one.name for one in apart.far.iterdir()} == {"gateway.json", "identity", "spool"}
    assert {one.stat().st_mode & 0o077 for one in [apart.far, *apart.far.rglob("*")] if one.name != "gateway.json"} == {
        0
    }


def test_a_lock_cuts_on_every_gateway_within_a_second(apart: Apart) -> None:
    person = apart.installation.enrolled(apart.admin, "everywhere", "ops")
    with apart.shell(person, "localhost") as near, apart.shell(person, FAR) as far:
        ended: list[float] = []

        def watch(terminal: Terminal) -> None:
            terminal.wait(30)
            ended.append(time.monotonic())

        watching = [threading.Thread(target=watch, args=(one,)) for one in (near, far)]
        for one in watching:
            one.start()
        apart.admin.dw("lock", "add", "--user", "everywhere", "--name", "everywhere", "--message", "incident 9")
        acted = time.monotonic()
        for one in watching:
            one.join()
        assert len(ended) == 2
        assert max(ended) - acted < CUT_SECONDS_MAX
        assert "incident 9" in near.screen
        assert "incident 9" in far.screen


def test_tokens_are_for_one_gateway_once(apart: Apart) -> None:
    spent = apart.token("third", "third.example")
    third = apart.installation.folder / "third"
    assert apart.join(spent, third, name="third.example").returncode == 0
    for number, (token, name) in enumerate(
        [(spent, "third.example"), ("a" * 32, "x.example"), (apart.token("fourth", "4.example"), "localhost")]
    ):
        done = apart.join(token, apart.installation.folder / f"no-{number}", name=name)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("doorward: ")
        assert not (apart.installation.folder / f"no-{number}").exists()
    apart.admin.dw("gateways", "rm", "third")


def test_a_joined_directory_is_not_joined_again(apart: Apart) -> None:
    done = apart.join(apart.token("fifth", "5.example"), apart.far, name="5.example")
    assert done.returncode == 1
    assert "is not empty" in done.stderr


def test_sessions_of_a_gateway_that_is_gone_are_presumed_over_after_its_lease(apart: Apart) -> None:
    """It is not started again until the authority has said so, alone."""
    apart.admin.dw("apply", "-f", "-", stdin=role("cut-off", "{on_control_loss: cut}"))
    person = apart.installation.enrolled(apart.admin, "lost", "cut-off")
    states: list[tuple[str, str | None]] = []

    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = json.loads(apart.admin.dw("sessions", "show", session, "--json"))
        states.append((found["state"], found["end_reason"]))
        return found if found["state"] == "ended" else None

    with apart.shell(person, FAR):
        session = apart.sessions(person)[0]["id"]
        apart.running["far"].send_signal(signal.SIGKILL)
        apart.running["far"].wait(10)
        killed = time.monotonic()
        try:
            ended = eventually(over, "the session does not end")
            waited = time.monotonic() - killed
        finally:
            apart.start("far", "gateway", apart.far)
    assert waited >= LEASE_SECONDS - RENEWED_SECONDS_MAX
    assert states[0] == ("active", None)
    assert set(states) <= {("active", None), ("ending", "gateway_lost"), ("ended", "gateway_lost")}
    assert ended["facts"]["presumed"] is True


def test_what_a_gateway_could_not_tell_is_in_the_log_when_it_is_back(apart: Apart, tmp_path: Path) -> None:
    """Cut off for longer than its lease and their rest, so that the authority has said that its session is over."""
    apart.admin.dw("apply", "-f", "-", stdin=role("unseen", "{on_control_loss: cut}"))
    person = apart.installation.enrolled(apart.admin, "out-of-sight", "unseen")
    place = Path("/tmp") / f"dwt-{tmp_path.parent.parent.name}-{apart.far_port}"  # the account may write there

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(apart.admin.dw("sessions", "show", session, "--json"))
        return found

    def told() -> list[dict[str, Any]]:
        page = json.loads(apart.admin.dw("audit", "search", "--session", session, "--limit", "100", "--json"))
        return list(reversed(page["items"]))

    options = [*person.ssh_options(), "-P", str(apart.far_port)]
    words = ["sftp", *options, f"{account(ROOT).login}@{NODE}@{FAR}"]
    with subprocess.Popen(words, env=person.env(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as sftp:
        assert sftp.stdin is not None

        def work(name: str) -> None:
            made = place.with_name(f"{place.name}-{name}")
            sftp.stdin.write(f"mkdir {made}\n".encode())  # type: ignore[union-attr]
            sftp.stdin.flush()  # type: ignore[union-attr]
            eventually(made.is_dir, f"sftp did not make {made}")
            made.rmdir()

        work("before")
        session = apart.sessions(person)[0]["id"]
        eventually(lambda: [one for one in told() if one["type"] == "sftp.operation"], "nothing was noted")
        apart.road.close()
        try:
            for name in ("during-1", "during-2"):
                work(name)
            sftp.stdin.write(b"bye\n")
            sftp.stdin.close()
            assert sftp.wait(20) == 0
            over = eventually(lambda: (seen := shown())["state"] == "ended" and seen, "it is not presumed over")
        finally:
            apart.road.open()
    assert (over["end_reason"], over["facts"]["presumed"]) == ("gateway_lost", True)
    assert [one["fields"]["how"] for one in told() if one["type"] == "session.ended"] == ["presumed"]
    eventually(lambda: [one for one in told() if one["type"] == "session.corrected"], "the end was not told")
    entries = told()
    made = [one["fields"] for one in entries if one["type"] == "sftp.operation"]
    assert [one["path"].removeprefix(f"{place}-") for one in made] == ["before", "during-1", "during-2"]
    assert ["happened_micros" in one for one in made] == [False, True, True]
    closed = [one["type"] for one in entries]
    assert closed.index("session.ended") < closed.index("stream.closed") < closed.index("session.corrected")
    assert [closed.count(one) for one in ("session.started", "stream.opened", "stream.closed", "session.ended")] == [
        1
    ] * 4
    (correction,) = [one["fields"] for one in entries if one["type"] == "session.corrected"]
    assert (correction["reason"], correction["reason_presumed"]) == ("closed", "gateway_lost")
    after = shown()
    assert (after["state"], after["end_reason"], after["ended"]) == ("ended", "gateway_lost", over["ended"])
    assert (after["facts"]["reason_told"], after["level_achieved"]) == ("closed", "output")
    assert after["bytes_out"] > 0
    apart.admin.dw("audit", "verify")
