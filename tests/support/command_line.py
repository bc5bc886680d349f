"""Running `dw` inside the test's process: arguments and standard input in, exit code and output out."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.stub_authority import PASSWORD, TOTP_CODE, StubAuthority

from doorward.cli.app import run_app


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    exit_code: int
    out: str
    err: str


class CommandLine:
    """`dw` with a home of its own; `home` is where the sign-in lies."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("DOORWARD_HOME", str(home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        """Run one command to its end."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        self._capsys.readouterr()
        exit_code = run_app([*arguments])
        captured = self._capsys.readouterr()
        return Ran(exit_code, captured.out, captured.err)

    def login(self, stub: StubAuthority, *arguments: str) -> Ran:
        """Sign in as alice behind the stub's pin."""
        words = ["login", stub.url, "--user", "alice", "--ca-pin", stub.pin, "--password-stdin", *arguments]
        return self(*words, stdin=f"{PASSWORD}\n{TOTP_CODE}\n")
