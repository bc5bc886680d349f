"""A real PostgreSQL on loopback with a data directory of its own.

PostgreSQL refuses to run as root: then it runs as the account `postgres` through runuser. Debian keeps its programs off
PATH, under /usr/lib/postgresql/VERSION/bin; the newest version is taken. Durability is left on: tests of what
survives a crash rely on it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.support.ports import LOOPBACK, ServerDidNotStartError, free_port, wait_until
from tests.support.processes import end

PROGRAMS: Final = Path("/usr/lib/postgresql")
# Its folder is not on every PATH.
RUNUSER: Final = "/usr/sbin/runuser"
RUN_AS: Final = "postgres"
SUPERUSER: Final = "doorward"
START_TRIES_MAX: Final = 3
STOP_SECONDS_MAX: Final = 10.0


def programs_directory() -> Path:
    """Where the newest installed initdb and postgres stand; FileNotFoundError when there are none."""
    found = [path.parent for path in PROGRAMS.glob("*/bin/postgres") if (path.parent / "initdb").exists()]
    if not found:
        raise FileNotFoundError(f"no PostgreSQL under {PROGRAMS}; `make setup` installs it")
    return max(found, key=lambda path: float(path.parent.name))


class Postgres:
    """One PostgreSQL server. Trusts whoever comes from loopback: it holds nothing but a test's rows."""

    def __init__(self) -> None:
        self.port = 0
        self.directory = Path(tempfile.mkdtemp(prefix="doorward-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(self.directory, RUN_AS)

    def url(self, database: str = "postgres", *, driver: str = "postgresql") -> str:
        """A connection URL, e.g. with driver `postgresql+asyncpg` for SQLAlchemy."""
        return f"{driver}://{SUPERUSER}@{LOOPBACK}:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The id of the process that we started and stop: the server's, or runuser's in front of it."""
        if self._process is None:
            raise RuntimeError("this PostgreSQL is not running")
        return self._process.pid

    def log_text(self) -> str:
        """What the server has logged so far."""
        log = self.directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def create_database(self, name: str) -> str:
        """A new empty database; its URL."""
        self._run("createdb", "-h", LOOPBACK, "-p", str(self.port), "-U", SUPERUSER, name)
        return self.url(name)

    def start(self) -> None:
        """Start, and return when the server accepts; `ServerDidNotStartError` otherwise. A restart keeps the port."""
        if not (self.directory / "data").exists():
            self._run("initdb", "-D", str(self.directory / "data"), "-U", SUPERUSER, "--auth=trust", "--no-sync")
        for attempt in range(START_TRIES_MAX):
            port = self.port or free_port()
            try:
                self._launch(port)
            except ServerDidNotStartError:
                self.stop()
                if attempt + 1 == START_TRIES_MAX or "Address already in use" not in self.log_text():
                    raise
            else:
                self.port = port
                return

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown; SIGQUIT leaves it as a crash would."""
        if self._process is not None:
            self._signal_server(self._process, how)
            self._process = None

    def close(self) -> None:
        """Stop, and remove the data directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _launch(self, port: int) -> None:
        data = self.directory / "data"
        options = {
            "listen_addresses": LOOPBACK,
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", str(data), *flags),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            )
        wait_until(lambda: self._accepts(port), self._process, self.log_text)

    def _accepts(self, port: int) -> bool:
        probe = [str(programs_directory() / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(port), "-t", "2"]
        return subprocess.run(probe, check=False, capture_output=True).returncode == 0

    def _signal_server(self, process: subprocess.Popen[bytes], how: signal.Signals) -> None:
        """Signal the server itself: runuser, in front of it when we are root, does not pass every signal on."""
        lock_file = self.directory / "data" / "postmaster.pid"
        if process.poll() is None and lock_file.exists():
            os.kill(int(lock_file.read_text().split("\n", 1)[0]), how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS_MAX)
        end(process)

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(programs_directory() / program), *arguments]
        return [RUNUSER, "-u", RUN_AS, "--", *command] if os.geteuid() == 0 else command

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(self._command(program, *arguments), check=True, capture_output=True, cwd="/")
