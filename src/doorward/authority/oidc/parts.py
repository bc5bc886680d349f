"""Everything by which an authority speaks with identity providers, made once for each process."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from doorward.authority.oidc.device_polls import DevicePolls
from doorward.authority.oidc.discovery import Providers
from doorward.authority.oidc.http import ProviderHttp
from doorward.authority.oidc.identities import Identities
from doorward.authority.oidc.refresh_tokens import RefreshTokens
from doorward.authority.oidc.secrets import ClientSecrets
from doorward.authority.oidc.tokens import TokenEndpoint
from doorward.base.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class OidcParts:
    """What the operations use."""

    http: ProviderHttp
    providers: Providers
    tokens: TokenEndpoint
    identities: Identities
    refresh_tokens: RefreshTokens
    polls: DevicePolls

    @classmethod
    def make(cls, clock: Clock | None = None, secret_folders: Sequence[Path] = ()) -> Self:
        """The parts, on the machine's clock unless another is given; secrets are read from these folders only."""
        ticking = clock or SystemClock()
        http = ProviderHttp()
        providers = Providers(http, ticking)
        return cls(
            http=http,
            providers=providers,
            tokens=TokenEndpoint(providers, ClientSecrets(secret_folders)),
            identities=Identities(providers, ticking),
            refresh_tokens=RefreshTokens(),
            polls=DevicePolls(ticking),
        )
