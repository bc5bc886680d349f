"""HTTP to identity providers, and to nobody else: few bytes, few seconds, no redirects, no proxies, checked addresses.

What a provider answers is foreign: it is JSON objects within a limit, or the provider counts as not answering.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import SplitResult, urlencode, urlsplit

import httpx2
import msgspec

from doorward.authority.oidc.addresses import resolve
from doorward.base.errors import Unavailable
from doorward.domain.kinds.oidc_connector import Network

CALL_SECONDS: Final = 10.0
ANSWER_BYTES_MAX: Final = 1_048_576
URL_CHARACTERS_MAX: Final = 2_048
CONNECTIONS_MAX: Final = 64


class ProviderUnavailable(Unavailable):
    """The provider does not answer, or not as the standards say."""

    code = "provider_unavailable"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status code and the JSON object beside it."""

    status: int
    body: Mapping[str, Any]


class ProviderHttp:
    """One for each authority process; connections are not kept, since each goes to an address checked for its name."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context

    @cached_property
    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            verify=self._context or _modern(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(CALL_SECONDS),
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=0),
            headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "doorward"},
        )

    async def close(self) -> None:
        """End what is open."""
        await self._client.aclose()

    async def get(self, url: str, networks: Sequence[Network], *, bearer: str = "") -> Answer:
        """The answer to GET; `ProviderUnavailable` without one, `ForbiddenAddress` for one that may not be asked."""
        return await self._ask("GET", url, networks, {"authorization": f"Bearer {bearer}"} if bearer else {}, None)

    async def post(
        self, url: str, networks: Sequence[Network], form: Mapping[str, str], headers: Mapping[str, str]
    ) -> Answer:
        """The answer to a form; the same errors."""
        typed = {**headers, "content-type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", url, networks, typed, urlencode(form).encode())

    async def _ask(
        self, method: str, url: str, networks: Sequence[Network], headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                address = await resolve(parts.hostname or "", parts.port or 443, networks)
                request = self._client.build_request(
                    method,
                    _at(parts, f"[{address}]" if address.version == 6 else str(address)),
                    headers={**headers, "host": parts.netloc},
                    content=content,
                    extensions={"sni_hostname": parts.hostname, "timeout": httpx2.Timeout(CALL_SECONDS).as_dict()},
                )
                response = await self._client.send(request, stream=True)
                try:
                    return Answer(response.status_code, _object(await _content(response)))
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise ProviderUnavailable("asking the provider: it did not answer in time") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError, ValueError) as error:
            raise ProviderUnavailable("asking the provider: no connection, or it broke") from error


def _modern() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # several large providers speak nothing newer yet
    return context


def _at(parts: SplitResult, host: str) -> str:
    netloc = f"{host}:{parts.port}" if parts.port is not None else host
    return parts._replace(netloc=netloc, fragment="").geturl()


async def _content(response: httpx2.Response) -> bytes:
    if 300 <= response.status_code < 400:
        raise ProviderUnavailable("asking the provider: it points elsewhere, which is not followed")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ProviderUnavailable("asking the provider: its answer is encoded in a way that nobody asked for")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            raise ProviderUnavailable("asking the provider: its answer is longer than any may be")
    return bytes(content)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderUnavailable("asking the provider: its answer is no JSON") from error
    if not isinstance(found, dict):
        raise ProviderUnavailable("asking the provider: its answer is no JSON object")
    return found
