"""Where the browser comes back to: one answer on loopback, taken once (RFC 8252, 7.3).

The listener is bound to 127.0.0.1 at a port that the system chooses, lives for one sign-in, and takes only what brings
the state that this sign-in was given. Whatever else on this machine finds the port is told that nothing is there.
"""

import hmac
import socket
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from doorward.base.clock import Clock, SystemClock
from doorward.base.errors import Refused, Unavailable

HOST: Final = "127.0.0.1"
PATH: Final = "/callback"
WAIT_SECONDS_MAX: Final = 300.0
REQUEST_SECONDS_MAX: Final = 5.0
REQUESTS_MAX: Final = 64
FIELDS_MAX: Final = 16
CODE_CHARACTERS_MAX: Final = 4096
_DONE: Final = "You are signed in at your provider. Go back to the terminal; this page can be closed."
_FAILED: Final = "Your provider did not sign you in. The terminal says why; this page can be closed."
_NOTHING: Final = "There is nothing here."


class ProviderSaidNo(Refused):
    """The provider sent the browser back without a code."""

    code = "provider_refused"


@dataclass(frozen=True, slots=True)
class Callback:
    """What the browser brought; `iss` is empty when the provider does not say who it is (RFC 9207)."""

    code: str
    iss: str


class CallbackListener:
    """Use it as a context manager: `port` is known inside, `wait(state)` takes the one answer."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._fields: dict[str, str] = {}
        self._state = ""
        self._server = _Server((HOST, 0), self._handler())

    @property
    def port(self) -> int:
        """Where the browser is to come."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def wait(self, state: str, seconds_max: float = WAIT_SECONDS_MAX) -> Callback:
        """The code; `ProviderSaidNo` when there is none, `Unavailable` when nobody came in time."""
        self._state = state
        deadline = self._clock.elapsed_seconds() + seconds_max
        for _ in range(REQUESTS_MAX):
            self._server.timeout = max(0.0, deadline - self._clock.elapsed_seconds())
            self._server.handle_request()
            if self._fields:
                return self._callback()
            if self._clock.elapsed_seconds() >= deadline:
                raise Unavailable("waiting for the browser: nobody came back in time; run dw login again")
        raise Unavailable("waiting for the browser: something else keeps calling; run dw login again")

    def _callback(self) -> Callback:
        error, code = self._fields.get("error", ""), self._fields.get("code", "")
        if error or not code or len(code) > CODE_CHARACTERS_MAX:
            why = self._fields.get("error_description") or error or "no reason given"
            raise ProviderSaidNo(f"signing in: the provider said no ({why[:200]})")
        return Callback(code, self._fields.get("iss", ""))

    def _take(self, target: str, host: str) -> bool | None:
        """None when this is not for us, else whether it brought a code."""
        parts = urlsplit(target)
        # The host is checked so that no page in the browser reaches us under a name of its own (DNS rebinding).
        if parts.path != PATH or host != f"{HOST}:{self.port}" or self._fields:
            return None
        try:
            pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=FIELDS_MAX)
        except ValueError:
            return None
        fields = dict(pairs)
        if len(fields) != len(pairs) or not hmac.compare_digest(fields.get("state", "").encode(), self._state.encode()):
            return None
        self._fields = fields
        return "code" in fields and "error" not in fields

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_SECONDS_MAX
            server_version = "dw"
            sys_version = ""

            def do_GET(self) -> None:
                took = listener._take(self.path, self.headers.get("host", ""))
                text = _NOTHING if took is None else _DONE if took else _FAILED
                content = f"<!doctype html><meta charset=utf-8><title>dw login</title><p>{text}</p>".encode()
                self.send_response(404 if took is None else 200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(content)))
                self.send_header("content-security-policy", "default-src 'none'")
                self.send_header("referrer-policy", "no-referrer")  # the address holds the code
                self.send_header("cache-control", "no-store")
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  (http.server's own name)
                """Say nothing: the terminal belongs to the person."""

        return Handler


class _Server(HTTPServer):
    allow_reuse_address = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is none of ours."""

    def get_request(self) -> tuple[socket.socket, Any]:
        """A connection that does not block for ever."""
        connection, address = super().get_request()
        connection.settimeout(REQUEST_SECONDS_MAX)
        return connection, address
