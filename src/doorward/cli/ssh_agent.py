"""The user's ssh-agent: it gets the key for as long as the sign-in lasts, and is told when that ends.

An agent is a comfort: whatever it does, a sign-in stands without it.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

AGENT_SECONDS: Final = 5.0


def add_key(key: Path, lifetime_seconds: int) -> bool:
    """Hand the key and the certificate beside it to the agent; False when there is none, or it would not."""
    return lifetime_seconds > 0 and _ssh_add("-q", "-t", str(lifetime_seconds), str(key))


def remove_key(key: Path) -> bool:
    """Take the key and its certificate back; False when the agent had none, or there is no agent."""
    return key.exists() and _ssh_add("-q", "-d", str(key))


def _ssh_add(*arguments: str) -> bool:
    program = shutil.which("ssh-add")
    if not os.environ.get("SSH_AUTH_SOCK") or program is None:
        return False
    try:
        done = subprocess.run(  # noqa: S603  (a fixed program, arguments of ours)
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=AGENT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
