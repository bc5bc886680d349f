"""The token endpoint: a code, a refresh token or a device code for tokens (RFC 6749, 7636, 8628).

What the endpoint refuses, `TokenRefused` tells by its `error`; whatever else it answers counts as no answer.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

from doorward.authority.oidc.discovery import Provider, Providers
from doorward.authority.oidc.http import Answer, ProviderUnavailable
from doorward.authority.oidc.secrets import ClientSecrets
from doorward.base.errors import Refused
from doorward.base.secret import Secret
from doorward.domain.kinds.oidc_connector import OidcConnector

TOKEN_TEXT_MAX: Final = 65_536
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
INTERVAL_SECONDS_DEFAULT: Final = 5  # RFC 8628, 3.2
INTERVAL_SECONDS_MAX: Final = 60
DEVICE_SECONDS_MAX: Final = 900
USER_CODE_CHARACTERS_MAX: Final = 64
ERROR_CHARACTERS_MAX: Final = 64


class TokenRefused(Refused):
    """The provider said no; `error` is its word for it (RFC 6749, 5.2)."""

    code = "provider_refused"

    def __init__(self, error: str) -> None:
        super().__init__("asking the provider for tokens: it refused")
        self.error = error


class DeviceFlowMissing(Refused):
    """The provider has no device flow."""

    code = "device_flow_missing"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What came; `id_token` is empty where the provider gave none, as it may at a refresh."""

    id_token: str
    access_token: str
    refresh_token: Secret | None


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What RFC 8628, 3.2 answers."""

    device_code: Secret
    user_code: str
    verification_uri: str
    interval_seconds: int
    expires_seconds: int


class TokenEndpoint:
    """Asks as the connector's client."""

    def __init__(self, providers: Providers, secrets: ClientSecrets) -> None:
        self._providers = providers
        self._secrets = secrets

    async def exchange(self, connector: OidcConnector, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """Tokens for the code that the browser brought."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return await self._tokens(connector, {**form, "code_verifier": verifier})

    async def refresh(self, connector: OidcConnector, token: Secret) -> Tokens:
        """Fresh tokens for a refresh token."""
        return await self._tokens(connector, {"grant_type": "refresh_token", "refresh_token": token.reveal_text()})

    async def poll(self, connector: OidcConnector, device_code: Secret) -> Tokens:
        """Tokens once the user has typed the code; `TokenRefused` says `authorization_pending` until then."""
        return await self._tokens(connector, {"grant_type": DEVICE_GRANT, "device_code": device_code.reveal_text()})

    async def begin_device(self, connector: OidcConnector) -> DeviceCode:
        """A code for the user to type at the provider."""
        provider = await self._providers.of(connector)
        if not provider.device_endpoint:
            raise DeviceFlowMissing("beginning a device flow: the provider has none")
        form = {"scope": " ".join(connector.scopes)}
        answer = await self._ask(connector, provider, provider.device_endpoint, form)
        if answer.status != 200:
            raise TokenRefused(_error(answer.body))
        return _device_code(answer.body)

    async def _tokens(self, connector: OidcConnector, form: Mapping[str, str]) -> Tokens:
        provider = await self._providers.of(connector)
        answer = await self._ask(connector, provider, provider.token_endpoint, form)
        if answer.status in {400, 401} and _error(answer.body):
            raise TokenRefused(_error(answer.body))
        if answer.status != 200:
            raise ProviderUnavailable("asking the provider for tokens: it did not answer as it should")
        refresh = _text(answer.body, "refresh_token")
        return Tokens(
            id_token=_text(answer.body, "id_token"),
            access_token=_text(answer.body, "access_token"),
            refresh_token=Secret(refresh) if refresh else None,
        )

    async def _ask(self, connector: OidcConnector, provider: Provider, url: str, form: Mapping[str, str]) -> Answer:
        named = {**form, "client_id": connector.client_id}
        if connector.client_secret is None:
            return await self._providers.http.post(url, connector.networks, named, {})
        secret = (await self._secrets.read(connector.client_secret)).reveal_text()
        # Without a list the standard's default holds (Discovery 3): client_secret_basic.
        if not provider.token_methods or "client_secret_basic" in provider.token_methods:
            pair = f"{quote_plus(connector.client_id)}:{quote_plus(secret)}"  # RFC 6749, 2.3.1
            headers = {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
            return await self._providers.http.post(url, connector.networks, form, headers)
        if "client_secret_post" in provider.token_methods:
            return await self._providers.http.post(url, connector.networks, {**named, "client_secret": secret}, {})
        raise ProviderUnavailable("asking the provider: it takes a client's secret in no way that we know")


def _device_code(body: Mapping[str, Any]) -> DeviceCode:
    code, user_code, where = _text(body, "device_code"), _text(body, "user_code"), _text(body, "verification_uri")
    if not code or not user_code or len(user_code) > USER_CODE_CHARACTERS_MAX or not where:
        raise ProviderUnavailable("beginning a device flow: the provider's answer lacks something")
    return DeviceCode(
        device_code=Secret(code),
        user_code=user_code,
        verification_uri=where,
        interval_seconds=min(_number(body, "interval", INTERVAL_SECONDS_DEFAULT), INTERVAL_SECONDS_MAX),
        expires_seconds=min(_number(body, "expires_in", DEVICE_SECONDS_MAX), DEVICE_SECONDS_MAX),
    )


def _error(body: Mapping[str, Any]) -> str:
    found = body.get("error", "")
    return found[:ERROR_CHARACTERS_MAX] if isinstance(found, str) else ""


def _text(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name) or ""
    if not isinstance(found, str) or len(found) > TOKEN_TEXT_MAX or not found.isascii() or not found.isprintable():
        raise ProviderUnavailable(f"reading the provider's tokens: {name} is malformed")
    return found


def _number(body: Mapping[str, Any], name: str, default: int) -> int:
    found = body.get(name, default)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else default
