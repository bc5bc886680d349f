"""A house for end-to-end tests: one installation, its people and its nodes, and short words for what tests do there.

Everything runs as separate processes: `doorward serve`, sshd, ssh and `dw`. Tests share a house, so each brings its own
user, and a node of its own when it does something to a node.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from demo.installation import Installation, temporary_folder
from demo.people import Person
from demo.terminal import Terminal
from tests.support.accounts import account
from tests.support.node_lab import PreparedNode, prepare_node

SSH_SECONDS_MAX: Final = 40
WAIT_SECONDS_MAX: Final = 30.0
POLL_SECONDS: Final = 0.1
T = TypeVar("T")
NODE: Final = "prod-web-01"
UNVERIFIED: Final = "prod-new-01"
ROOT: Final = "dwt-root"
APP: Final = "dwt-app"
ROLE: Final = """\
kind: role
version: v8
metadata: {{name: {name}}}
spec:
  allow:
    logins: [{logins}]
    node_labels: {{env: prod}}
  options: {options}
"""


@dataclass
class House:
    """The installation with an administrator, who is an auditor too, and one prepared node."""

    folder: Path
    installation: Installation
    admin: Person
    node: PreparedNode
    others: list[PreparedNode] = field(default_factory=list)

    @classmethod
    def build(cls, store: str = "") -> Self:
        """Start everything, on SQLite unless a PostgreSQL database is named; should something fail, all is ended."""
        folder = temporary_folder()
        installation = Installation.create(folder, store=store)
        try:
            installation.start()
            admin = installation.administrator()
            admin.dw("apply", "-f", "-", stdin=role("ops"))
            node = prepare_node(admin, NODE, [ROOT, APP], ["env=prod"])
        except BaseException:
            installation.stop()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(folder, installation, admin, node)

    def close(self) -> None:
        """End every process by its own id, and remove the folders."""
        self.installation.stop()
        for each in (self.node, *self.others):
            each.sshd.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def root(self) -> str:
        """The login of ROOT on the node: another one where only our own account can be had."""
        return account(ROOT).login

    def user(self, name: str, *roles: str) -> Person:
        """Somebody new, signed in."""
        return self.installation.enrolled(self.admin, name, *(roles or ("ops",)))

    def another_node(self, name: str, *labels: str) -> PreparedNode:
        """A node for one test's own purposes."""
        node = prepare_node(self.admin, name, [ROOT], ["env=prod", *labels])
        self.others.append(node)
        return node

    def command(
        self, person: Person, *words: str, node: str = NODE, login: str = "", options: Sequence[str] = ()
    ) -> list[str]:
        """The command line of stock ssh."""
        target = f"{login or self.root}@{node}@localhost"
        return ["ssh", *person.ssh_options(), *options, "-p", str(self.installation.port), target, *words]

    def ssh(
        self,
        person: Person,
        *words: str,
        node: str = NODE,
        login: str = "",
        options: Sequence[str] = (),
        stdin: bytes = b"",
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end."""
        return subprocess.run(
            self.command(person, *words, node=node, login=login, options=options),
            env={**person.env(), **(environment or {})},
            input=stdin,
            capture_output=True,
            timeout=SSH_SECONDS_MAX,
            check=False,
        )

    def shell(self, person: Person, node: str = NODE, login: str = "") -> Terminal:
        """A live shell, once it has answered; use it as a context manager."""
        terminal = Terminal(self.command(person, node=node, login=login, options=["-tt"]), person.env())
        try:
            terminal.enter("echo at $((40+2)) work\n")
            terminal.read_until("at 42 work")
        except BaseException:
            terminal.close()
            raise
        return terminal

    def sessions(self, person: Person, *, live: bool = False) -> list[dict[str, Any]]:
        """The person's sessions, newest first."""
        words = ["sessions", "ls", "--user", person.name, "--json", *(["--live"] if live else [])]
        found: list[dict[str, Any]] = json.loads(self.admin.dw(*words))
        return found

    def events(self, *words: str) -> list[dict[str, Any]]:
        """Entries of the log, newest first."""
        found: list[dict[str, Any]] = json.loads(self.admin.dw("audit", "search", *words, "--json"))["items"]
        return found

    def ended(self, session: str) -> dict[str, Any]:
        """The session, once the authority says that it has ended."""

        def look() -> dict[str, Any] | None:
            seen: dict[str, Any] = json.loads(self.admin.dw("sessions", "show", session, "--json"))
            return seen if seen["state"] == "ended" else None

        return eventually(look, f"session {session} does not end")

    def recording(self, session: str) -> str:
        """What was on the screen, once the recording is complete."""

        def look() -> bool:
            listed = json.loads(self.admin.dw("recordings", "ls", "--json"))
            return any(each["session_id"] == session and each["sealed"] for each in listed)

        eventually(look, f"the recording of session {session} is not sealed")
        return self.admin.dw("play", "--no-wait", session)


def role(name: str, options: str = "{}", logins: Sequence[str] = (ROOT, APP)) -> str:
    """The YAML of a role that reaches what is labelled env=prod."""
    real = dict.fromkeys(account(login).login for login in logins)
    return ROLE.format(name=name, logins=", ".join(real), options=options)


def eventually(look: Callable[[], T | None], otherwise: str) -> T:
    """What `look` answers, as soon as it is true."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(POLL_SECONDS)
    raise AssertionError(otherwise)
