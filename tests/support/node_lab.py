"""A node as an administrator makes one: a real sshd, declared, and prepared by the real set-up script."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.accounts import account
from tests.support.openssh import Sshd, SshdSettings
from tests.support.people import Person

SCRIPT_SECONDS_MAX = 60


@dataclass
class PreparedNode:
    """A started sshd that trusts Doorward; close it by `sshd.close()`."""

    name: str
    sshd: Sshd
    logins: tuple[str, ...]


def script_environment(sshd: Sshd) -> dict[str, str]:
    """What tells the set-up script to work on this sshd instead of the host's own."""
    return {
        **os.environ,
        "DOORWARD_SSHD_CONFIG": str(sshd.directory / "sshd_config"),
        "DOORWARD_DIR": str(sshd.directory / "doorward"),
        "DOORWARD_HOST_KEY": str(sshd.host_key.private),
        "DOORWARD_RELOAD": f"kill -HUP {sshd.pid}",
        "DOORWARD_CHECK_PORT": str(sshd.port),
    }


def run_script(
    script: str, sshd: Sshd, *words: str, changes: Mapping[str, str] | None = None, umask: int = -1
) -> subprocess.CompletedProcess[str]:
    """Run a set-up script on this sshd's configuration; in `changes`, "" takes a variable away."""
    environment = {name: value for name, value in {**script_environment(sshd), **(changes or {})}.items() if value}
    return subprocess.run(
        ["/bin/sh", "-s", "--", *words],
        input=script,
        env=environment,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=SCRIPT_SECONDS_MAX,
        check=False,
    )


def everything(sshd: Sshd) -> dict[str, tuple[int, bytes]]:
    """Every file and folder of the server but its log: mode and content."""
    found: dict[str, tuple[int, bytes]] = {}
    for path in sorted(sshd.directory.rglob("*")):
        if path.name != "log":
            found[str(path)] = (path.stat().st_mode, b"" if path.is_dir() else path.read_bytes())
    return found


def declared(admin: Person, sshd: Sshd, name: str) -> str:
    """Make the node known that this sshd is to be; its name."""
    admin.dw("nodes", "add", name, "--address", f"127.0.0.1:{sshd.port}", "--label", "env=prod")
    return name


def programs(folder: Path, **texts: str) -> str:
    """A PATH on which these programs stand first, each a script for the shell."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def prepare_node(
    admin: Person, name: str, logins: Sequence[str], labels: Sequence[str] = (), settings: SshdSettings | None = None
) -> PreparedNode:
    """Start sshd, declare the node, run its set-up script."""
    real = tuple(account(login).login for login in logins)
    sshd = Sshd(settings or SshdSettings())
    sshd.start()
    try:
        words = [word for label in labels for word in ("--label", label)]
        admin.dw("nodes", "add", name, "--address", f"127.0.0.1:{sshd.port}", *words)
        asked = [word for login in real for word in ("--login", login)]
        done = run_script(admin.dw("nodes", "setup", name, *asked), sshd)
        assert done.returncode == 0, done.stderr
    except BaseException:
        sshd.close()
        raise
    return PreparedNode(name, sshd, real)
