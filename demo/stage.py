"""What the story is played on: Doorward on SQLite, two sshd's, and the folder in which all of it lies."""

import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from demo.accounts import account
from demo.installation import Installation
from demo.node import Node

ALLOWED_NODE: Final = "dev-web-01"
FORBIDDEN_NODE: Final = "prod-db-01"
ACCOUNT: Final = "dw-deploy"
CHECKOUT: Final = Path(__file__).resolve().parents[1]
# A unix socket's path takes 107 bytes, and /data/run/signer.sock follows.
FOLDER_CHARACTERS_MAX: Final = 80


class AlreadyRunning(Exception):
    """Another demo holds the folder."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs; `close` ends it."""

    folder: Path
    installation: Installation
    allowed: Node
    forbidden: Node
    login: str

    def close(self) -> None:
        """End every process that we started, by its own id."""
        self.installation.stop()
        self.allowed.close()
        self.forbidden.close()


def take_folder(wanted: Path | None) -> tuple[Path, IO[str]]:
    """An empty folder and the lock that keeps it ours; `AlreadyRunning` when another demo has it."""
    folder = (wanted or CHECKOUT / ".demo").resolve()
    if len(os.fsencode(folder)) > FOLDER_CHARACTERS_MAX:
        return Path(tempfile.mkdtemp(prefix="doorward-demo-", dir="/tmp")), _no_lock()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise AlreadyRunning(f"another demo is running in {folder}") from error
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != "lock":
            entry.unlink()
    return folder, lock


def set_stage(folder: Path) -> Stage:
    """Start Doorward and both sshd's; what was started is ended when something fails."""
    login = account(ACCOUNT).login
    installation = Installation.create(folder)
    stage = Stage(folder, installation, Node(ALLOWED_NODE), Node(FORBIDDEN_NODE), login)
    try:
        installation.start()
        stage.allowed.start()
        stage.forbidden.start()
    except BaseException:
        stage.close()
        raise
    return stage


def _no_lock() -> IO[str]:
    return Path(os.devnull).open("w")
