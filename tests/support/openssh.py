"""A real sshd on loopback, and the stock ssh with nothing of the user's own configuration.

The server is started in the foreground by absolute path with a configuration of its own, and stopped by its own
process id. As root it serves the accounts of `tests.support.accounts`; as anyone else only the current user.

    with Sshd(SshdSettings(user_ca_lines=(ca.public_line,), principals={"dwt-root": ("dw:abc:root",)})) as node:
        result = run_ssh(f"{login}@{LOOPBACK}", "true", client=SshClient(home, identity=key), port=node.port)
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.support.ports import LOOPBACK, ServerDidNotStartError, answers, free_port, wait_until
from tests.support.processes import end
from tests.support.ssh_keys import KeyFiles, make_key

SSHD: Final = "/usr/sbin/sshd"
SSH: Final = "/usr/bin/ssh"
START_TRIES_MAX: Final = 3
SSH_SECONDS_MAX: Final = 20.0
# sshd refuses to start as root without its privilege separation directory; Debian's service makes it at each start.
_PRIVILEGE_SEPARATION: Final = Path("/run/sshd")


@dataclass(frozen=True, slots=True)
class SshdSettings:
    """What differs between one test's sshd and another's. Empty means nobody: then no key opens it."""

    authorized_key_lines: tuple[str, ...] = ()
    """Public keys that open every account, in authorized_keys form."""
    user_ca_lines: tuple[str, ...] = ()
    """Public keys for TrustedUserCAKeys."""
    principals: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Login to the lines of its AuthorizedPrincipalsFile; a login that is not here gets no certificate in."""
    host_certificate: str = ""
    """An OpenSSH host certificate line for `host_key`."""
    host_key: KeyFiles | None = None
    """The host key; a new one when none is given."""
    lines: tuple[str, ...] = ()
    """Further lines of sshd_config; they stand first, and the first value that sshd reads holds."""


class Sshd:
    """One sshd. Use it as a context manager, or call `start` and `stop`."""

    def __init__(self, settings: SshdSettings | None = None, *, port: int | None = None) -> None:
        self.settings = settings or SshdSettings()
        self._wanted_port = port
        self.port = port or 0
        # Not under pytest's own directory: the account that logs in must be able to read its principals file.
        self.directory = Path(tempfile.mkdtemp(prefix="doorward-sshd-"))
        self.directory.chmod(0o755)
        self.host_key = self.settings.host_key or make_key(self.directory / "host_key", comment="host")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The listener's process id."""
        return self._running().pid

    @property
    def host_key_line(self) -> str:
        """The public host key, `ssh-ed25519 AAAA...`."""
        return self.host_key.public_line

    def known_hosts_line(self, name: str | None = None) -> str:
        """A known_hosts line for this server, for the stock client to check it by."""
        key = " ".join(self.host_key_line.split()[:2])
        return f"{name or f'[{LOOPBACK}]:{self.port}'} {key}"

    def log_text(self) -> str:
        """What the server has logged so far."""
        log = self.directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def set_principals(self, login: str, principals: Sequence[str]) -> None:
        """Replace who may become `login`; sshd reads the file anew at each log-in."""
        path = self.directory / "principals" / login
        path.write_text("".join(f"{line}\n" for line in principals))
        path.chmod(0o644)

    def start(self) -> None:
        """Start, and return when the server has shown its version; `ServerDidNotStartError` otherwise."""
        for attempt in range(START_TRIES_MAX):
            self.port = self._wanted_port or free_port()
            self._write_configuration()
            try:
                self._launch()
            except ServerDidNotStartError:
                self._kill()
                if attempt + 1 == START_TRIES_MAX or "Address already in use" not in self.log_text():
                    raise
            else:
                return

    def stop(self, *, how: signal.Signals = signal.SIGTERM) -> None:
        """End the listener and every live connection to it; start again keeps port and keys."""
        self._kill(how)
        self._wanted_port = self.port

    def close(self) -> None:
        """Stop, and remove the server's files."""
        self._kill()
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

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("this sshd is not running")
        return self._process

    def _launch(self) -> None:
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.directory / "sshd_config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            )
        wait_until(lambda: answers(self.port, first_bytes=b"SSH-2.0-"), self._process, self.log_text)

    def _kill(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            end(self._process, how=how)
            self._process = None

    def _write_configuration(self) -> None:
        principals = self.directory / "principals"
        principals.mkdir(exist_ok=True)
        for login, lines in self.settings.principals.items():
            self.set_principals(login, lines)
        self._write("authorized_keys", self.settings.authorized_key_lines)
        self._write("user_ca_keys", self.settings.user_ca_lines)
        self._write("sshd_config", self._configuration())

    def _write(self, name: str, lines: Sequence[str]) -> None:
        path = self.directory / name
        path.write_text("".join(f"{line}\n" for line in lines))
        path.chmod(0o644)

    def _configuration(self) -> list[str]:
        lines = [
            *self.settings.lines,
            f"ListenAddress {LOOPBACK}",
            f"Port {self.port}",
            f"HostKey {self.host_key.private}",
            "PidFile none",
            "UsePAM no",
            # Only the modes of directories above ours would be judged, /tmp's first of all.
            "StrictModes no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            f"AuthorizedKeysFile {self.directory / 'authorized_keys'}",
            f"AuthorizedPrincipalsFile {self.directory / 'principals' / '%u'}",
            "Subsystem sftp internal-sftp",
            "AcceptEnv LANG LC_*",
            "MaxStartups 500",
            "MaxSessions 100",
            "LogLevel VERBOSE",
        ]
        if self.settings.user_ca_lines:
            lines.append(f"TrustedUserCAKeys {self.directory / 'user_ca_keys'}")
        if self.settings.host_certificate:
            self._write("host_certificate", (self.settings.host_certificate,))
            lines.append(f"HostCertificate {self.directory / 'host_certificate'}")
        return lines


@dataclass(frozen=True, slots=True)
class SshClient:
    """How the stock client is run: an own directory, one identity, the hosts that it knows."""

    directory: Path
    identity: Path | None = None
    certificate: Path | None = None
    known_hosts_lines: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """Further `-o` options, `Name=value`; they stand first, and the first value that ssh reads holds."""

    def command(self, *arguments: str, port: int | None = None, program: str = SSH) -> list[str]:
        """The whole command line; `program` may be scp or sftp, which take the same options."""
        known_hosts = self.directory / "known_hosts"
        known_hosts.write_text("".join(f"{line}\n" for line in self.known_hosts_lines))
        options = [
            *self.options,
            f"UserKnownHostsFile={known_hosts}",
            "GlobalKnownHostsFile=none",
            "StrictHostKeyChecking=yes",
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            f"IdentityFile={self.identity or 'none'}",
            "ControlPath=none",
            "ConnectTimeout=10",
        ]
        options += [f"CertificateFile={self.certificate}"] if self.certificate else []
        options += [f"Port={port}"] if port else []
        flags = [part for option in options for part in ("-o", option)]
        return [program, "-F", "none", *flags, *arguments]

    def environment(self) -> dict[str, str]:
        """No agent, no display, no language but C, a home of its own."""
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.directory), "LC_ALL": "C", "TERM": "xterm"}


@dataclass(frozen=True, slots=True)
class SshResult:
    """How a run of the stock client ended; exit code 255 is the client's own failure."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def stderr_text(self) -> str:
        return self.stderr.decode(errors="replace")


def run_ssh(
    *arguments: str,
    client: SshClient,
    port: int | None = None,
    stdin: bytes = b"",
    program: str = SSH,
    timeout_seconds: float = SSH_SECONDS_MAX,
) -> SshResult:
    """Run the stock client to its end; subprocess.TimeoutExpired (client killed) when it takes too long."""
    done = subprocess.run(
        client.command(*arguments, port=port, program=program),
        input=stdin,
        capture_output=True,
        env=client.environment(),
        timeout=timeout_seconds,
        check=False,
    )
    return SshResult(done.returncode, done.stdout, done.stderr)
