"""The user API over HTTPS, one call at a time.

Whom to believe and which certificate to show stand in the TLS context that the caller made. Proxies named in the
environment and redirects are not followed: both would carry a password to somebody else. Every wait has a deadline and
every answer a limit.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx2
import msgspec

from doorward.api.calls import Call
from doorward.api.problem import RemoteProblem, to_error
from doorward.base.clock import Clock, SystemClock
from doorward.base.errors import Invalid, Unavailable

Answer = TypeVar("Answer")

CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 30.0
CALL_SECONDS: Final = 120.0
CONTENT_SECONDS: Final = 3600.0
ANSWER_BYTES_MAX: Final = 67_108_864
CONTENT_BYTES_MAX: Final = 1 << 40
PROBLEM_BYTES_MAX: Final = 1_048_576
PLACE_CHARACTERS_MAX: Final = 255


class BadAnswer(Unavailable):
    """The other side answered, but not as the API says."""

    code = "bad_answer"


class UserClient:
    """Calls of `doorward.api.calls` on one authority; use it as a context manager.

    Raises the `RemoteProblem` that the authority answered, `Unavailable` when it can not be reached or understood.
    """

    def __init__(self, url: str, context: ssl.SSLContext, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._url = url.rstrip("/")
        self._http = httpx2.Client(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            headers={"accept": "application/json, application/problem+json", "accept-encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def call(
        self,
        call: Call[Answer],
        body: msgspec.Struct | None = None,
        *,
        places: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call and its answer; `places` fill the path, `query` follows it."""
        if (call.body is None) != (body is None) or (call.body and not isinstance(body, call.body)):
            raise TypeError(f"{call.method} {call.path} takes {call.body}")
        with self._open(call, body, places, query) as response:
            content = b"".join(self._chunks(response, ANSWER_BYTES_MAX, CALL_SECONDS))
        try:
            return msgspec.json.decode(content, type=call.answer)
        except msgspec.DecodeError as error:
            raise BadAnswer("reading the authority's answer: it is not of the version that we speak") from error

    @contextmanager
    def content(
        self, call: Call[bytes], *, places: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> Iterator[Iterator[bytes]]:
        """The bytes of a call whose answer is no JSON, in pieces, while the context lasts."""
        with self._open(call, None, places, query) as response:
            yield self._chunks(response, CONTENT_BYTES_MAX, CONTENT_SECONDS)

    @contextmanager
    def _open(
        self,
        call: Call[Answer],
        body: msgspec.Struct | None,
        places: Mapping[str, str] | None,
        query: Mapping[str, str] | None,
    ) -> Iterator[httpx2.Response]:
        url = self._url + filled(call.path, places or {}) + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"content-type": "application/json"}
        try:
            with self._http.stream(call.method, url, content=content, headers=headers) as response:
                if not response.is_success:
                    raise self._problem(response)
                yield response
        except httpx2.ConnectError as error:
            raise Unavailable(_why_no_connection(error)) from error
        except httpx2.TimeoutException as error:
            raise Unavailable("calling the authority: it did not answer in time") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError) as error:
            raise Unavailable("calling the authority: the connection broke") from error

    def _problem(self, response: httpx2.Response) -> RemoteProblem:
        content = b"".join(self._chunks(response, PROBLEM_BYTES_MAX, CALL_SECONDS))
        return to_error(response.status_code, content)

    def _chunks(self, response: httpx2.Response, bytes_max: int, seconds_max: float) -> Iterator[bytes]:
        deadline = self._clock.elapsed_seconds() + seconds_max
        size = 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > bytes_max:
                raise BadAnswer("reading the authority's answer: it is longer than any answer may be")
            if self._clock.elapsed_seconds() > deadline:
                raise Unavailable("reading the authority's answer: it took too long")
            yield chunk


def filled(path: str, places: Mapping[str, str]) -> str:
    """`path` with each `{place}` filled, percent-encoded; `Invalid` for what could change the path's meaning."""
    quoted: dict[str, str] = {}
    for place, value in places.items():
        if not value or value in {".", ".."} or len(value) > PLACE_CHARACTERS_MAX:
            raise Invalid(f"naming a {place.removesuffix('_id').replace('_', ' ')}: this can not be a name")
        try:
            quoted[place] = quote(value, safe="")
        except UnicodeEncodeError as error:
            raise Invalid("naming a thing: the name is not text") from error
    return path.format_map(quoted)


def _why_no_connection(error: httpx2.ConnectError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                "checking who answers: its certificate is not of an authority that we trust, or not for this name; "
                "dw login --ca-pin sha256:... believes the installation with that root"
            )
        cause = cause.__cause__ or cause.__context__
    return "calling the authority: no connection"
