"""The story: what each step does, and what must hold after it. An AssertionError says what did not.

Everything is done by the real `dw` and the real `ssh`, as separate processes, the way a person would.
"""

import json
import re
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from demo.narrator import Narrator
from demo.node import Node
from demo.people import Person
from demo.stage import Stage
from demo.stock_ssh import StockSsh, shortened
from demo.terminal import Terminal

CUT_SECONDS_MAX: Final = 1.0
EXIT_STATUS: Final = 7
SEALED_SECONDS_MAX: Final = 10.0
ROLE: Final = """\
kind: role
version: v8
metadata: {{name: developer}}
spec:
  allow:
    logins: [{login}]
    node_labels: {{env: dev}}
"""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: who administers, who works, who looks back."""

    admin: Person
    alice: Person
    carol: Person


class Story:
    """Tells it step by step; a step leaves what the next one needs."""

    def __init__(self, stage: Stage, narrator: Narrator) -> None:
        self._stage = stage
        self._say = narrator
        self._ssh = StockSsh(stage, narrator)
        self._node = stage.allowed.name

    def tell(self) -> Cast:
        """All steps in order."""
        admin = self._begin()
        self._prepare(admin)
        cast = self._sign_in(admin)
        self._refused(cast)
        self._command(cast)
        self._shell(cast)
        self._replay(cast)
        self._lock(cast)
        self._verify(cast)
        return cast

    def _begin(self) -> Person:
        self._say.step("Doorward runs as signer, authority and gateway; its first administrator signs up")
        self._say.typed("doorward serve --data " + str(self._stage.installation.data))
        admin = self._stage.installation.administrator()
        self._say.typed("dw login https://localhost:... --ca-pin sha256:... --code -")
        self._say.came_back(admin.dw("status").splitlines()[:2])
        return admin

    def _prepare(self, admin: Person) -> None:
        self._say.step("two servers with plain sshd are made known, and told to trust Doorward")
        for node, env in ((self._stage.allowed, "dev"), (self._stage.forbidden, "prod")):
            words = ["nodes", "add", node.name, "--address", node.address, "--label", f"env={env}"]
            self._say.typed(["dw", *words])
            admin.dw(*words)
            self._set_up(admin, node)

    def _set_up(self, admin: Person, node: Node) -> None:
        words = ["nodes", "setup", node.name, "--login", self._stage.login]
        self._say.typed(f"dw {' '.join(words)} | sh   # there, as root")
        self._say.came_back(node.prepare(admin.dw(*words)))

    def _sign_in(self, admin: Person) -> Cast:
        self._say.step("alice, a developer, may reach what is labelled env=dev; she signs in")
        role = ROLE.format(login=self._stage.login)
        self._say.typed("dw apply -f developer.yaml")
        self._say.came_back(role.splitlines()[4:])
        admin.dw("apply", "-f", "-", stdin=role)
        self._say.typed("dw users add alice --role developer")
        installation = self._stage.installation
        alice = installation.enrolled(admin, "alice", "developer")
        self._say.typed("dw login https://localhost:... --ca-pin sha256:... --code -   # alice")
        self._say.came_back(alice.dw("status").splitlines()[:2])
        carol = installation.enrolled(admin, "carol", "auditor")
        self._say.typed("dw ls   # alice")
        reach = alice.dw("ls")
        self._say.came_back(reach)
        assert self._node in reach, reach
        assert self._stage.forbidden.name not in reach, reach
        return Cast(admin, alice, carol)

    def _refused(self, cast: Cast) -> None:
        forbidden = self._stage.forbidden.name
        self._say.step(f"alice tries {forbidden}: refused, and the reason can be asked for")
        done = self._ssh.run(cast.alice, forbidden, "id")
        assert done.returncode == 255, f"ssh ended with {done.returncode}"
        assert "is refused" in done.stderr, done.stderr
        target = f"{self._stage.login}@{forbidden}"
        explained = cast.admin.run("explain", "ssh", target, "--user", "alice")
        self._say.typed(["dw", "explain", "ssh", target, "--user", "alice"])
        self._say.came_back(explained.stdout)
        assert explained.returncode == 3, explained.stderr
        assert "denied" in explained.stdout, explained.stdout
        assert "node_labels does not match" in explained.stdout, explained.stdout

    def _command(self, cast: Cast) -> None:
        self._say.step(f"alice runs a command on {self._node}, and its exit status comes back")
        done = self._ssh.run(cast.alice, self._node, f"id -un; exit {EXIT_STATUS}")
        assert done.returncode == EXIT_STATUS, f"ssh ended with {done.returncode}: {done.stderr}"
        assert done.stdout.strip() == self._stage.login, done.stdout
        self._say.fact(f"exit status {done.returncode}; no key of alice's is on {self._node}")

    def _shell(self, cast: Cast) -> None:
        self._say.step(f"alice works in a shell on {self._node}")
        command = self._ssh.command(cast.alice, self._node, terminal=True)
        self._say.typed(shortened(command))
        with Terminal(command, cast.alice.env()) as terminal:
            terminal.enter("PS1='> '; stty size; echo 6 times 7 is $((6*7))\n")
            terminal.read_until("6 times 7 is 42")
            terminal.enter("exit\n")
            status = terminal.wait()
        assert status == 0, f"the shell ended with {status}"
        assert "24 80" in terminal.screen, terminal.screen
        self._say.came_back([line for line in terminal.screen.splitlines() if "42" in line or "24 80" in line])

    def _replay(self, cast: Cast) -> None:
        self._say.step("carol, an auditor, replays what alice saw; alice may not, and each viewing is in the log")
        session = self._sealed_session(cast.carol)
        self._say.typed(["dw", "play", "--no-wait", session])
        played = cast.carol.dw("play", "--no-wait", session)
        self._say.came_back([line for line in played.splitlines() if "42" in line or "24 80" in line])
        assert "6 times 7 is 42" in played, played
        refused = cast.alice.run("play", "--no-wait", session)
        assert refused.returncode == 3, "alice could replay without the right to"
        self._say.came_back([f"(to alice) {line}" for line in refused.stderr.splitlines()])
        viewings = cast.admin.dw("audit", "search", "--session", session, "--type", "recording.viewed", "--json")
        assert json.loads(viewings)["items"], "the viewing is not in the log"

    def _sealed_session(self, auditor: Person) -> str:
        """The newest session, which is the shell, once its recording is complete."""
        session = str(json.loads(auditor.dw("sessions", "ls", "--user", "alice", "--limit", "1", "--json"))[0]["id"])
        deadline = time.monotonic() + SEALED_SECONDS_MAX
        while time.monotonic() < deadline:
            listed = json.loads(auditor.dw("recordings", "ls", "--json"))
            if any(each["session_id"] == session and each["sealed"] for each in listed):
                return session
        raise AssertionError(f"the recording of session {session} was not sealed")

    def _lock(self, cast: Cast) -> None:
        self._say.step("a lock ends what alice has open, and keeps her out")
        with Terminal(self._ssh.command(cast.alice, self._node, terminal=True), cast.alice.env()) as terminal:
            terminal.enter("echo still $((20+2)) here\n")
            terminal.read_until("still 22 here")
            ended_at: list[float] = []
            watching = threading.Thread(target=_note_end, args=(terminal, ended_at))
            watching.start()
            words = ["lock", "add", "--user", "alice", "--name", "demo", "--message", "incident 7"]
            self._say.typed(["dw", *words])
            cast.admin.dw(*words)
            watching.join()
        self._say.came_back([line for line in terminal.screen.splitlines() if "locked" in line])
        assert "incident 7" in terminal.screen, terminal.screen
        took = ended_at[0] - self._lock_stored(cast.admin)
        assert took < CUT_SECONDS_MAX, f"the session lived for {took:.2f} s after the lock"
        self._say.fact(f"alice's ssh had ended {took:.2f} s after the lock was stored")
        done = self._ssh.run(cast.alice, self._node, "id")
        assert done.returncode == 255, f"ssh ended with {done.returncode} although alice is locked"
        self._say.typed(["dw", "lock", "rm", "demo"])
        cast.admin.dw("lock", "rm", "demo")

    def _lock_stored(self, admin: Person) -> float:
        """When the lock took effect, in seconds since 1970, by the log."""
        found = admin.dw("audit", "search", "--type", "lock.created", "--limit", "1", "--json")
        return datetime.fromisoformat(json.loads(found)["items"][0]["at"]).timestamp()

    def _verify(self, cast: Cast) -> None:
        self._say.step("the audit log adds up: every entry is hashed into a tree, and none can be changed unseen")
        self._say.typed(["dw", "audit", "verify"])
        verified = cast.admin.dw("audit", "verify")
        self._say.came_back(verified.splitlines()[:1])
        assert re.match(r"verified: \d+ entries", verified), verified


def _note_end(terminal: Terminal, ended_at: list[float]) -> None:
    terminal.wait()
    ended_at.append(time.time())
