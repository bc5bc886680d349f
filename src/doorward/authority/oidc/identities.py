"""From tokens to an identity: the ID token verified, and claims that stand only at the userinfo endpoint fetched.

The ID token's word wins where both speak, and userinfo must speak of the same subject (OpenID Connect Core 5.3.2).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from doorward.authority.oidc.discovery import Providers
from doorward.authority.oidc.http import ProviderUnavailable
from doorward.authority.oidc.tokens import Tokens
from doorward.base.clock import Clock
from doorward.domain.identity.oidc_claims import NAME_CLAIMS, claims_wanted
from doorward.domain.identity.oidc_signatures import BadToken
from doorward.domain.identity.oidc_tokens import (
    Expected,
    Identity,
    LogoutOrder,
    check_id_token,
    check_logout_token,
)
from doorward.domain.kinds.oidc_connector import OidcConnector


class Identities:
    """Asks one provider after the other; holds nothing but its parts."""

    def __init__(self, providers: Providers, clock: Clock) -> None:
        self._providers = providers
        self._clock = clock

    async def of(self, connector: OidcConnector, tokens: Tokens, nonce: str | None) -> Identity:
        """Whom the tokens prove; `BadToken` when they prove nobody."""
        if not tokens.id_token:
            raise BadToken("reading the provider's tokens: there is no ID token among them")
        expected = Expected(connector.issuer, connector.client_id, nonce, tokens.access_token)
        token = await self._providers.opened(connector, tokens.id_token)
        identity = check_id_token(token, expected, self._clock.now())
        if not self._lacks(connector, identity.claims):
            return identity
        return await self._with_userinfo(connector, identity, tokens.access_token)

    async def again(self, connector: OidcConnector, tokens: Tokens, sub: str) -> Identity:
        """The identity after a refresh, where an ID token may be missing but the subject may not change."""
        if tokens.id_token:
            identity = await self.of(connector, tokens, None)
            if identity.sub != sub:
                raise BadToken("refreshing claims: they are of somebody else")
            return identity
        return await self._with_userinfo(connector, Identity(connector.issuer, sub, "", {}), tokens.access_token)

    async def logout_order(self, connector: OidcConnector, token: str) -> LogoutOrder:
        """What a logout token orders; `BadToken` when it does not count."""
        opened = await self._providers.opened(connector, token)
        return check_logout_token(opened, Expected(connector.issuer, connector.client_id), self._clock.now())

    def _lacks(self, connector: OidcConnector, claims: Mapping[str, Any]) -> bool:
        nameless = not any(claim in claims for claim in NAME_CLAIMS)
        return nameless or not claims_wanted(connector) <= set(claims)

    async def _with_userinfo(self, connector: OidcConnector, identity: Identity, access_token: str) -> Identity:
        provider = await self._providers.of(connector)
        if not provider.userinfo_endpoint or not access_token:
            if identity.claims:
                return identity
            raise ProviderUnavailable("refreshing claims: the provider gave none")
        answer = await self._providers.http.get(provider.userinfo_endpoint, connector.networks, bearer=access_token)
        if answer.status != 200:
            raise ProviderUnavailable("asking the provider for claims: it did not answer as it should")
        if answer.body.get("sub") != identity.sub:
            raise BadToken("asking the provider for claims: they are of somebody else")
        return replace(identity, claims={**answer.body, **identity.claims})
