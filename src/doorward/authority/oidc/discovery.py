"""A provider's own description and keys (OpenID Connect Discovery 1.0, RFC 8414), kept for a while.

The issuer in the answer must be the connector's to the letter. Unknown keys are looked for again, but not more often
than twice a minute, whatever tokens arrive.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from doorward.authority.oidc.http import URL_CHARACTERS_MAX, ProviderHttp, ProviderUnavailable
from doorward.base.clock import Clock
from doorward.base.errors import DoorwardError, Refused
from doorward.domain.identity.oidc_signatures import ProviderKey, SignedToken, UnknownKey, open_token, read_keys
from doorward.domain.kinds.oidc_connector import Network, OidcConnector

KEPT_SECONDS: Final = 600.0
KEYS_AGAIN_SECONDS: Final = 30.0
FAILED_SECONDS: Final = 3.0
PROVIDERS_MAX: Final = 256
METHODS_MAX: Final = 64
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_Key = tuple[str, tuple[Network, ...]]


class WrongProvider(Refused):
    """What answers is not the issuer that the connector names, or offers what may not be used."""

    code = "wrong_provider"


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is asked what; empty where it offers nothing. `answers_iss`: RFC 9207."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    device_endpoint: str
    token_methods: tuple[str, ...]
    answers_iss: bool
    keys: tuple[ProviderKey, ...]
    until: float
    keys_at: float


class Providers:
    """Descriptions by issuer and networks, at most `PROVIDERS_MAX`, each for ten minutes.

    One caller at a time asks a provider, and a failure is everyone's answer for some seconds: strangers can begin to
    sign in as often as they like, and must not make us call a provider as often.
    """

    def __init__(self, http: ProviderHttp, clock: Clock) -> None:
        self.http = http
        self._clock = clock
        self._kept: OrderedDict[_Key, Provider] = OrderedDict()
        self._failed: dict[_Key, tuple[float, DoorwardError]] = {}
        self._asking: dict[_Key, asyncio.Lock] = {}

    async def of(self, connector: OidcConnector) -> Provider:
        """The connector's provider; `ProviderUnavailable`, `WrongProvider` or `ForbiddenAddress` otherwise."""
        key = (connector.issuer, connector.networks)
        found = self._known(key)
        if found is not None:
            return found
        async with self._turn(key):
            found = self._known(key)
            if found is not None:
                return found
            try:
                fresh = await self._fetch(connector)
            except DoorwardError as error:
                self._failed[key] = (self._clock.elapsed_seconds() + FAILED_SECONDS, error)
                raise
            self._keep(key, fresh)
            return fresh

    async def opened(self, connector: OidcConnector, token: str) -> SignedToken:
        """A token that the connector's provider signed; its keys are fetched again when none fits."""
        provider = await self.of(connector)
        try:
            return open_token(token, provider.keys)
        except UnknownKey:
            if not self._may_ask_for_keys(provider):
                raise
        key = (connector.issuer, connector.networks)
        async with self._turn(key):
            provider = self._kept.get(key, provider)
            if self._may_ask_for_keys(provider):
                asked = replace(provider, keys_at=self._clock.elapsed_seconds())
                self._keep(key, asked)  # whatever comes of it
                provider = replace(asked, keys=await self._keys(connector, provider.jwks_uri))
                self._keep(key, provider)
        return open_token(token, provider.keys)

    def _may_ask_for_keys(self, provider: Provider) -> bool:
        return self._clock.elapsed_seconds() - provider.keys_at >= KEYS_AGAIN_SECONDS

    def _known(self, key: _Key) -> Provider | None:
        now = self._clock.elapsed_seconds()
        failed = self._failed.get(key)
        if failed is not None and now < failed[0]:
            raise failed[1].with_traceback(None)
        found = self._kept.get(key)
        return found if found is not None and now < found.until else None

    def _turn(self, key: _Key) -> asyncio.Lock:
        # As many as connectors were ever declared here, which takes a right; still, not without end.
        if len(self._asking) > PROVIDERS_MAX:
            self._asking = {one: lock for one, lock in self._asking.items() if lock.locked()}
            self._failed.clear()
        return self._asking.setdefault(key, asyncio.Lock())

    def _keep(self, key: _Key, provider: Provider) -> None:
        self._kept[key] = provider
        self._kept.move_to_end(key)
        while len(self._kept) > PROVIDERS_MAX:
            self._kept.popitem(last=False)

    async def _fetch(self, connector: OidcConnector) -> Provider:
        url = connector.issuer.rstrip("/") + "/.well-known/openid-configuration"
        answer = await self.http.get(url, connector.networks)
        found = answer.body
        if answer.status != 200:
            raise ProviderUnavailable("reading the provider's description: it has none")
        if found.get("issuer") != connector.issuer:
            raise WrongProvider("reading the provider's description: it is of another issuer than the connector names")
        jwks_uri = _endpoint(found, "jwks_uri", connector, needed=True)
        now = self._clock.elapsed_seconds()
        return Provider(
            issuer=connector.issuer,
            authorization_endpoint=_endpoint(found, "authorization_endpoint", connector, needed=True),
            token_endpoint=_endpoint(found, "token_endpoint", connector, needed=True),
            jwks_uri=jwks_uri,
            userinfo_endpoint=_endpoint(found, "userinfo_endpoint", connector),
            device_endpoint=_endpoint(found, "device_authorization_endpoint", connector),
            token_methods=_texts(found, "token_endpoint_auth_methods_supported"),
            answers_iss=found.get("authorization_response_iss_parameter_supported") is True,
            keys=await self._keys(connector, jwks_uri),
            until=now + KEPT_SECONDS,
            keys_at=now,
        )

    async def _keys(self, connector: OidcConnector, url: str) -> tuple[ProviderKey, ...]:
        answer = await self.http.get(url, connector.networks)
        if answer.status != 200:
            raise ProviderUnavailable("reading the provider's keys: it gives none")
        return read_keys(answer.body)


def checked_url(url: object, issuer: str) -> str:
    """A URL that may be asked or shown: https, or http on loopback when the issuer is such; else `WrongProvider`."""
    wrong = WrongProvider("reading the provider's description: an address in it can not be used")
    if not isinstance(url, str) or len(url) > URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable():
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    plain = parts.scheme == "http" and issuer.startswith("http://") and parts.hostname in _LOOPBACK
    if not (parts.scheme == "https" or plain) or not parts.hostname or "@" in parts.netloc or " " in url or port == 0:
        raise wrong
    if parts.fragment:
        raise wrong
    return url


def _endpoint(found: Mapping[str, Any], name: str, connector: OidcConnector, *, needed: bool = False) -> str:
    if found.get(name) is None and not needed:
        return ""
    return checked_url(found.get(name), connector.issuer)


def _texts(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    listed = found.get(name, [])
    return tuple(one for one in listed if isinstance(one, str))[:METHODS_MAX] if isinstance(listed, list) else ()
