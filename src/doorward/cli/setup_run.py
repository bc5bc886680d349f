"""Running a node's set-up script over the stock ssh, with a key that is given for this once.

The host's key is for the administrator to check: an unknown one is asked about on the terminal, and refused where
there is none.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from doorward.base.errors import Invalid, Unavailable
from doorward.cli.ssh_start import quoted

SETUP_SECONDS: Final = 300.0


def setup_command(program: str, destination: str, ssh_key: Path) -> list[str]:
    """The command line of ssh; `Invalid` for what is no `root@HOST[:PORT]`."""
    user, at, host = destination.rpartition("@")
    name, colon, port = host.rpartition(":")
    if not colon or (":" in name and not name.startswith("[")):
        name, port = host, ""
    name = name.removeprefix("[").removesuffix("]")
    if not at or not user or not name or name.startswith("-") or user.startswith("-") or not (port or "22").isdigit():
        raise Invalid("setting up a node: root@HOST[:PORT] is expected")
    options = {
        "IdentityFile": quoted(str(ssh_key.resolve())),
        "IdentitiesOnly": "yes",
        "PreferredAuthentications": "publickey",
        "StrictHostKeyChecking": "ask",
        "ClearAllForwardings": "yes",
        "ControlPath": "none",
    }
    words = [word for option, value in options.items() for word in ("-o", f"{option}={value}")]
    # The script comes on standard input: its token must not stand in a process list.
    return [program, *words, "-T", *(["-p", port] if port else []), "-l", user, "--", name, "sh -s"]


def run_setup(script: str, destination: str, ssh_key: Path) -> int:
    """Run it; the exit code is the script's."""
    program = shutil.which("ssh")
    if program is None:
        raise Unavailable("setting up a node: there is no ssh on this machine")
    command = setup_command(program, destination, ssh_key)
    try:
        done = subprocess.run(command, input=script.encode(), timeout=SETUP_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise Unavailable("setting up a node: it took too long; the script takes back what it has done") from error
    return done.returncode
