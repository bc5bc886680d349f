"""A gateway's calls to its authority over mutual TLS: the closed list, and nothing else.

Fills `gateway.ports.ControlPlane`. Connections are kept and used again, since every new session waits for one call.
Every wait has a deadline and every answer a limit; no proxy of the environment and no redirect is followed. What the
authority says raises as the kind of error that it is; no answer, or one that can not be read, is `Unavailable`.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx2
import msgspec

from doorward.api.bodies.gateway_calls import (
    Faces,
    GatewayTrust,
    Jump,
    Lease,
    MintFaces,
    OpenJump,
    OpenSession,
    RecordingSize,
    RenewedIdentity,
    RenewIdentity,
    RenewLease,
    SealRecording,
    SessionPlan,
    SessionReport,
    WatchMessage,
)
from doorward.api.client.exchange import CONNECT_SECONDS, Exchange
from doorward.api.client.user import filled
from doorward.api.problem import to_error
from doorward.base.errors import Unavailable

CALL_SECONDS: Final = 10.0
UPLOAD_SECONDS: Final = 60.0
SILENCE_SECONDS: Final = 10.0
"""The watch stream speaks each second; `gateway.control` gives up sooner."""
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
LINE_BYTES_MAX: Final = 1024 * 1024

Answer = TypeVar("Answer")
_BASE: Final = "/v1/gateway"


class HttpControlPlane:
    """One authority at `url` (`https://host:port`); use it as an async context manager.

    `server_name` is the name in its certificate when that is not the host in `url`.
    """

    def __init__(self, url: str, context: ssl.SSLContext, *, server_name: str | None = None) -> None:
        self._url = url.rstrip("/") + _BASE
        self._calls = Exchange(url, context, server_name=server_name, answer_bytes_max=ANSWER_BYTES_MAX)
        self._extensions = {} if server_name is None else {"sni_hostname": server_name}
        headers = {"accept": "application/json, application/problem+json", "accept-encoding": "identity"}
        if server_name is not None:
            headers["host"] = server_name
        # The watch stream only, which is opened once and read for hours.
        self._http = httpx2.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            headers=headers,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.close()
        await self._http.aclose()

    async def trust(self) -> GatewayTrust:
        """Whom to believe, and under which names we stand."""
        return await self._ask("GET", "/trust", None, GatewayTrust)

    async def mint_faces(self, wanted: MintFaces) -> Faces:
        """Host certificates for our names."""
        return await self._ask("POST", "/faces", wanted, Faces)

    async def open_session(self, wanted: OpenSession) -> SessionPlan:
        """A decision on a user's proof."""
        return await self._ask("POST", "/sessions", wanted, SessionPlan)

    async def open_jump(self, wanted: OpenJump) -> Jump:
        """Whose connection a jump is."""
        return await self._ask("POST", "/jumps", wanted, Jump)

    async def report_session(self, session_id: str, report: SessionReport) -> None:
        """What became of a session."""
        await self._tell(_place("/sessions/{session_id}/report", session_id), report)

    async def renew_lease(self, live: Sequence[str], jumps: Sequence[str]) -> Lease:
        """We are here, and these sessions and jump connections live here."""
        return await self._ask("POST", "/lease", RenewLease(list(live), list(jumps)), Lease)

    async def watch(self, after_epoch: int) -> AsyncIterator[WatchMessage]:
        """All that is said after `after_epoch`, until the stream ends or breaks (`Unavailable`)."""
        url = f"{self._url}/watch?after={after_epoch}"
        try:
            async with self._http.stream("GET", url, extensions=self._extensions) as response:
                if not response.is_success:
                    raise to_error(response.status_code, await _limited(response))
                async for line in _lines(response):
                    yield _decoded(line, WatchMessage)
        except (httpx2.HTTPError, httpx2.StreamError, ssl.SSLError) as error:
            raise Unavailable("watching the authority: the stream broke") from error

    async def append_recording(self, session_id: str, offset: int, data: bytes) -> int:
        """Store bytes of a recording; how many the authority holds now."""
        path = _place("/recordings/{session_id}", session_id) + f"?offset={offset}"
        content = await self._call("PUT", path, data, "application/octet-stream", UPLOAD_SECONDS)
        return _decoded(content, RecordingSize).size_bytes

    async def seal_recording(self, session_id: str, sealed: SealRecording) -> None:
        """A recording is whole."""
        path = _place("/recordings/{session_id}/seal", session_id)
        await self._call("POST", path, msgspec.json.encode(sealed), "application/json", UPLOAD_SECONDS)

    async def renew_identity(self, wanted: RenewIdentity) -> RenewedIdentity:
        """A fresh certificate for this gateway."""
        return await self._ask("POST", "/identity", wanted, RenewedIdentity)

    def reconnect(self) -> None:
        """Show the certificate that is in the context now; the watch stream is ended by the authority."""
        self._calls.reconnect()

    async def _ask(self, method: str, path: str, body: msgspec.Struct | None, answer: type[Answer]) -> Answer:
        content = b"" if body is None else msgspec.json.encode(body)
        return _decoded(await self._call(method, path, content, "application/json", CALL_SECONDS), answer)

    async def _tell(self, path: str, body: msgspec.Struct) -> None:
        await self._call("POST", path, msgspec.json.encode(body), "application/json", CALL_SECONDS)

    async def _call(self, method: str, path: str, content: bytes, kind: str, seconds: float) -> bytes:
        try:
            async with asyncio.timeout(seconds):
                status, answer = await self._calls.call(method, _BASE + path, content, kind)
        except TimeoutError as error:
            raise Unavailable("calling the authority: it did not answer in time") from error
        if not 200 <= status < 300:
            raise to_error(status, answer)
        return answer


def _place(path: str, session_id: str) -> str:
    return filled(path, {"session_id": session_id})


def _decoded(content: bytes, answer: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(content, type=answer)
    except msgspec.DecodeError as error:
        raise Unavailable("reading the authority's answer: it is not of the version that we speak") from error


async def _limited(response: httpx2.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            raise Unavailable("reading the authority's answer: it is longer than any answer may be")
    return bytes(content)


async def _lines(response: httpx2.Response) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.aiter_raw():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
        if len(rest) > LINE_BYTES_MAX:
            raise Unavailable("watching the authority: a line without an end")
