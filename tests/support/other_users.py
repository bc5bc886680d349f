"""Runs programs as the unix accounts of tests, Doorward's own among them.

An account may be unable to reach our interpreter and sources by their paths (a home of 0700 is on the way). So Python
is started through open directories, which the child inherits: what lies below them is reached by `/proc/self/fd`.
"""

import os
import pwd
import subprocess
import sys
import sysconfig
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

from tests.support.accounts import Account

SOURCES: Final = Path(__file__).parents[2] / "src"
RUN_SECONDS_MAX: Final = 60


def group_of(account: Account) -> int:
    """The account's own group."""
    return pwd.getpwuid(account.uid).pw_gid


def identity_of(account: Account, group: int | None = None) -> dict[str, Any]:
    """For `subprocess`: be the account, in its own group (or the one given) and no other. Without root we are it."""
    if os.geteuid() != 0:
        return {"cwd": "/"}
    own = group_of(account) if group is None else group
    return {"user": account.uid, "group": own, "extra_groups": [], "cwd": "/"}


def run_as(account: Account, *command: str, group: int | None = None) -> subprocess.CompletedProcess[bytes]:
    """A program of the system, run to its end."""
    return subprocess.run(
        command,
        **identity_of(account, group),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )


class PythonAnywhere:
    """Our interpreter with our packages, for accounts that can not reach either by path."""

    def __init__(self) -> None:
        with ExitStack() as opened:
            places = [Path(sys.base_prefix), SOURCES, Path(sysconfig.get_path("purelib"))]
            self._descriptors = [os.open(place, os.O_RDONLY | os.O_DIRECTORY) for place in places]
            for one in self._descriptors:
                opened.callback(os.close, one)
            self._kept = opened.pop_all()
        home, sources, packages = (f"/proc/self/fd/{one}" for one in self._descriptors)
        self._program = f"{home}/bin/{Path(sys.executable).resolve().name}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONHOME": home,
            "PYTHONPATH": f"{sources}:{packages}",
            "LD_LIBRARY_PATH": f"{home}/lib",
        }

    def close(self) -> None:
        """Close the directories."""
        self._kept.close()

    def run(self, account: Account, *words: str, group: int | None = None) -> subprocess.CompletedProcess[str]:
        """`python WORDS` as the account, to its end."""
        return subprocess.run(
            [self._program, *words],
            **identity_of(account, group),
            env=self._environment,
            pass_fds=self._descriptors,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS_MAX,
            check=False,
        )

    def begin(self, account: Account, words: list[str]) -> subprocess.Popen[bytes]:
        """`python WORDS` as the account, not waited for; what it says goes nowhere."""
        return subprocess.Popen(
            [self._program, *words],
            **identity_of(account),
            env=self._environment,
            pass_fds=self._descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start(self, account: Account, words: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """`python WORDS` as the account, once it has said that it is ready."""
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [self._program, *words],
            **identity_of(account),
            env={**self._environment, "DOORWARD_READY_FD": str(writer)},
            pass_fds=[*self._descriptors, writer],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        os.close(writer)
        with os.fdopen(reader, "rb") as ready:
            if ready.read(1) != b"1":
                process.wait(RUN_SECONDS_MAX)
                raise AssertionError(f"it did not start: {words}: {Path(log.name).read_text()}")
        return process
