"""Unix accounts for a real sshd to log in to: a plain shell and an empty home.

As root an account is made when it is not there yet; it has no password, so that only keys and certificates open it,
and it stays for the next run (`make clean` removes it). An unprivileged sshd serves nobody but its own account: then
the current user stands for every name. The tests use these accounts as well.
"""

import fcntl
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOMES: Final = Path("/var/tmp/doorward-test-accounts")


@dataclass(frozen=True, slots=True)
class Account:
    """A login that a test's sshd accepts."""

    login: str
    home: Path
    uid: int


def account(name: str) -> Account:
    """The account `name`, made when we are root; else the current user under any name.

    Raises RuntimeError when `name` is an account of the machine itself: tests do not borrow those. The one exception
    is `root`, which is whom we run as.
    """
    if os.geteuid() != 0 or name == "root":
        entry = pwd.getpwuid(os.geteuid())
        return Account(entry.pw_name, Path(entry.pw_dir), entry.pw_uid)
    _make_homes()
    with (HOMES / ".lock").open("w") as lock:  # test workers run side by side; /etc/passwd has one writer
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _ensured(name)


def empty_home(of: Account) -> None:
    """Remove all that earlier tests left in an account's home; homes that are not ours are left alone."""
    if of.home.parent != HOMES:
        return
    for entry in of.home.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _make_homes() -> None:
    HOMES.mkdir(mode=0o755, exist_ok=True)
    state = HOMES.lstat()
    # The place is predictable and its parent is open to all: somebody may have been there first.
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != 0 or state.st_mode & 0o022:
        raise RuntimeError(f"{HOMES} is not a directory that only root can write")


def _ensured(name: str) -> Account:
    home = HOMES / name
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        # `*` is no password and no lock: sshd refuses accounts that are locked (`!`), even to keys.
        command = ["/usr/sbin/useradd", "-M", "-d", str(home), "-s", "/bin/sh", "-p", "*", name]
        subprocess.run(command, check=True, capture_output=True)
        entry = pwd.getpwnam(name)
    if Path(entry.pw_dir) != home:
        raise RuntimeError(f"the account {name!r} belongs to this machine; choose another name for the test")
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return Account(name, home, entry.pw_uid)
