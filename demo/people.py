"""People at the command line: they enrol with a code, sign in, and type `dw`, with homes of their own."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyotp

DW = [sys.executable, "-m", "doorward.cli.entry"]
TYPE_SECONDS_MAX = 60
PASSWORD = "correct horse battery staple"
STEP_SECONDS = 30


@dataclass
class Person:
    """One person: a home, a password, and the secret of a time-based factor."""

    name: str
    home: Path
    password: str = PASSWORD
    totp_secret: str = ""
    last_step: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)

    @property
    def keep(self) -> Path:
        """Where `dw` keeps this person's sign-in."""
        return self.home / ".config" / "doorward"

    def env(self) -> dict[str, str]:
        """The environment of this person's commands: nothing of whoever runs us."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ}
        return {**kept, "HOME": str(self.home), **self.environment}

    def run(self, *words: str, stdin: str = "", seconds: float = TYPE_SECONDS_MAX) -> subprocess.CompletedProcess[str]:
        """Type `dw` and wait for it."""
        return subprocess.run(
            [*DW, *words], input=stdin, env=self.env(), capture_output=True, text=True, timeout=seconds, check=False
        )

    def dw(self, *words: str, stdin: str = "") -> str:
        """The same for a command that must succeed; answers what it printed."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"dw {' '.join(words)} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def code(self) -> str:
        """A time-based code that was not used yet; waits for the next step if it must."""
        while (step := int(time.time()) // STEP_SECONDS) <= self.last_step:
            time.sleep(0.2)
        self.last_step = step
        return pyotp.TOTP(self.totp_secret).at(step * STEP_SECONDS)

    def enrol(self, url: str, code: str, pin: str = "") -> None:
        """Sign up with a one-time code, as `dw login --code` asks for it; without a pin public TLS is believed."""
        pinned = ["--ca-pin", pin] if pin else []
        words = [*DW, "login", url, "--code", code, *pinned, "--password-stdin", "--no-agent"]
        with subprocess.Popen(
            words,
            env=self.env(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as typing:
            assert typing.stdin is not None
            assert typing.stdout is not None
            assert typing.stderr is not None
            for line in typing.stdout:
                if line.startswith("totp-secret: "):
                    self.totp_secret = line.split()[1]
                if line.startswith("totp-uri: "):
                    break
            else:
                raise AssertionError(f"dw login --code showed no secret: {typing.stderr.read()}")
            typing.stdin.write(f"{self.password}\n{self.code()}\n")
            typing.stdin.close()
            assert typing.wait(TYPE_SECONDS_MAX) == 0, typing.stderr.read()

    def login(self, url: str, pin: str = "") -> subprocess.CompletedProcess[str]:
        """Sign in again with password and code."""
        pinned = ["--ca-pin", pin] if pin else []
        lines = f"{self.password}\n{self.code()}\n"
        return self.run("login", url, "--user", self.name, *pinned, "--password-stdin", "--no-agent", stdin=lines)

    def ssh_options(self) -> list[str]:
        """What stock `ssh` needs to present this person's certificate and to believe the gateway's."""
        return [
            "-F",
            "none",
            "-o",
            f"IdentityFile={self.keep / 'id_ed25519'}",
            "-o",
            f"CertificateFile={self.keep / 'id_ed25519-cert.pub'}",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            f"UserKnownHostsFile={self.keep / 'known_hosts'}",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "BatchMode=yes",
        ]
