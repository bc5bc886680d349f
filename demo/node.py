"""A server as it is before Doorward comes: a real sshd on loopback, which trusts nobody.

It is prepared as every node is: by the script of `dw nodes setup`, told by its environment to work on this sshd
instead of the machine's own.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from demo.ports import LOOPBACK, free_port, is_ssh

SSHD: Final = "/usr/sbin/sshd"
START_SECONDS_MAX: Final = 15.0
STOP_SECONDS_MAX: Final = 5.0
SCRIPT_SECONDS_MAX: Final = 60
# sshd refuses to start as root without its privilege separation directory; Debian's service makes it at each start.
_PRIVILEGE_SEPARATION: Final = Path("/run/sshd")


class Node:
    """One sshd in the foreground, with a folder and a port of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        # The account that logs in must be able to read its principals file, wherever the checkout stands.
        self.folder = Path(tempfile.mkdtemp(prefix="doorward-demo-node-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start sshd and wait until it answers."""
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        key = self.folder / "host_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self._configuration.write_text(self._lines())
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self._configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us: we end it afterwards
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not is_ssh(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"sshd did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def prepare(self, script: str) -> str:
        """Run a set-up script; answers what it printed."""
        assert self._process is not None
        told = {
            "DOORWARD_SSHD_CONFIG": str(self._configuration),
            "DOORWARD_DIR": str(self.folder / "doorward"),
            "DOORWARD_HOST_KEY": str(self.folder / "host_key"),
            "DOORWARD_RELOAD": f"kill -HUP {self._process.pid}",
            "DOORWARD_CHECK_PORT": str(self.port),
        }
        done = subprocess.run(
            ["/bin/sh", "-s"],
            input=script,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, f"the set-up script ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def close(self) -> None:
        """End sshd by its own process id, and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _configuration(self) -> Path:
        return self.folder / "sshd_config"

    def _lines(self) -> str:
        lines = [
            f"ListenAddress {LOOPBACK}",
            f"Port {self.port}",
            f"HostKey {self.folder / 'host_key'}",
            "PidFile none",
            "UsePAM no",
            "PrintMotd no",
            # The modes of the folders above ours, /tmp's first of all, are not for us to choose.
            "StrictModes no",
            "AuthorizedKeysFile none",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
        ]
        return "".join(f"{line}\n" for line in lines)
