"""A whole Doorward on loopback: init and serve as real processes, ended by their own process id."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from demo.people import Person
from demo.ports import free_port

DOORWARD = [sys.executable, "-m", "doorward.main.entry"]
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20


@dataclass
class Installation:
    """One installation in a folder of its own; `start` and `stop` may be called again and again."""

    folder: Path
    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    port: int = field(default_factory=free_port)
    authority_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    gateway_metrics_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    pin: str = ""
    first_code: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    """What `doorward` finds in its environment beside the usual."""
    options: tuple[str, ...] = ()
    """More words for `doorward serve`."""

    @classmethod
    def create(
        cls,
        folder: Path,
        administrator: str = "admin",
        store: str = "",
        users: str = "",
        kek: str = "",
        environment: dict[str, str] | None = None,
    ) -> Self:
        """Run `doorward init`; on SQLite unless PostgreSQL is named, as one user unless each role has its own."""
        made = cls(folder, environment=environment or {})
        words = ["init", "--data", str(made.data), "--admin", administrator]
        for name in made.names:
            words += ["--name", name]
        words += ["--listen", f"127.0.0.1:{made.port}", "--authority-listen", f"127.0.0.1:{made.authority_port}"]
        words += ["--metrics-listen", f"127.0.0.1:{made.metrics_port}"]
        words += ["--gateway-metrics-listen", f"127.0.0.1:{made.gateway_metrics_port}"]
        words += ["--store", store] if store else []
        words += ["--users", users] if users else []
        words += ["--kek", kek] if kek else []
        done = subprocess.run(
            [*DOORWARD, *words], env=made.env(), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        made.pin = re.findall(r"CA pin: (\S+)", done.stdout)[0]
        made.first_code = re.findall(r"^code: (\S+)", done.stdout, re.MULTILINE)[0]
        return made

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Where `dw login` goes."""
        return f"https://localhost:{self.port}"

    @property
    def log(self) -> Path:
        """What the processes wrote."""
        return self.folder / "serve.log"

    def env(self) -> dict[str, str]:
        """Nothing of our own environment but where programs are."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ}
        return {**kept, "HOME": str(self.folder), **self.environment}

    def start(self) -> None:
        """Run `doorward serve` and wait until it says that it is ready."""
        with self.log.open("ab") as log:
            before = self.log.stat().st_size
            self.process = subprocess.Popen(
                [*DOORWARD, "serve", "--data", str(self.data), *self.options],
                env=self.env(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while b"doorward: ready" not in self.log.read_bytes()[before:]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"doorward serve did not start: {self.log.read_text()[before:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it by its own process id."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def pid_of(self, role: str) -> int:
        """The process id of a role: a child of the supervisor whose command says so."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            words = Path(f"/proc/{line}/cmdline").read_bytes().split(b"\0")
            if b"--role" in words and words[words.index(b"--role") + 1] == role.encode():
                return int(line)
        raise AssertionError(f"there is no process of role {role}")

    def person(self, name: str) -> Person:
        """Somebody with an empty home under this folder."""
        return Person(name, self.folder / "homes" / name)

    def administrator(self) -> Person:
        """Enrol the first administrator."""
        admin = self.person("admin")
        admin.enrol(self.url, self.first_code, self.pin)
        return admin

    def enrolled(self, admin: Person, name: str, *roles: str) -> Person:
        """A user with these roles, added by the administrator and enrolled with the code."""
        words = [word for role in roles for word in ("--role", role)]
        code = re.findall(r"^code: (\S+)", admin.dw("users", "add", name, *words), re.MULTILINE)[0]
        person = self.person(name)
        person.enrol(self.url, code, self.pin)
        return person


def temporary_folder() -> Path:
    """A short path: unix sockets take 107 bytes."""
    return Path(tempfile.mkdtemp(prefix="dw-", dir="/tmp"))
