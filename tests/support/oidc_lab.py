"""An authority without HTTP beside an identity provider: the lab of `authority_lab`, a connector, and clients' halves.

with RunningProvider() as provider:
    async with open_oidc_lab(provider.issuer) as lab:
        signed_in = await lab.sign_in(Browser("u1"))
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from tests.support.authority_lab import PEER, AuthorityLab, LabSignIn, open_lab
from tests.support.proofs import open_as

from doorward.api.bodies.oidc import BeginOidc, CompleteOidc, OidcBegun
from doorward.api.bodies.sign_ins import SignedIn
from doorward.authority.callers import UserCaller
from doorward.authority.oidc.parts import OidcParts
from doorward.authority.operations.oidc_begin import begin
from doorward.authority.operations.oidc_complete import complete
from doorward.base.clock import ManualClock
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import SessionId, SignInId, UserId
from doorward.cli.client_keys import ClientKeys, new_client_keys
from doorward.domain.identity.oidc_flow import challenge_of, new_secret
from doorward.domain.identity.sign_in import SignIn
from doorward.domain.kinds.user import User
from doorward.wire.ssh.public_key import parse_public_key_line

CONNECTOR = "corp"
PORT = 4242
SECRET_NAME = "DOORWARD_OIDC_TEST"
ROLES = """\
kind: role
version: v8
metadata: {name: eng}
spec:
  allow: {logins: [dwt-root], node_labels: {env: prod}}
---
kind: role
version: v8
metadata: {name: lead}
spec:
  allow: {logins: ["{{internal.logins}}"], node_labels: {env: prod}}
"""


class Someone(Protocol):
    """Who signs in at the provider; answers where the browser was sent."""

    def sign_in(self, url: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Begun:
    """What a client holds between beginning and completing."""

    answer: OidcBegun
    verifier: str
    keys: ClientKeys

    @property
    def query(self) -> dict[str, str]:
        """What stands in the address for the browser."""
        return {name: found[0] for name, found in parse_qs(urlsplit(self.answer.authorization_url).query).items()}


@dataclass
class OidcLab:
    """The lab with a connector named `corp`."""

    lab: AuthorityLab
    issuer: str

    async def connector(self, **changes: Any) -> None:
        """Declare the connector, or change it; None leaves a field out."""
        spec: dict[str, Any] = {
            "issuer": self.issuer,
            "client_id": "doorward",
            "client_secret": {"env": SECRET_NAME},
            "scopes": ["openid", "profile", "email", "groups", "offline_access"],
            "groups_claim": "groups",
            "groups_to_roles": {"engineers": ["eng"], "leads": ["eng", "lead"]},
            "claims_to_traits": {"department": "department"},
            "networks": ["127.0.0.0/8"],
            "claims_max_age": "1m",
            **changes,
        }
        document = {
            "kind": "oidc_connector",
            "version": "v1",
            "metadata": {"name": CONNECTOR},
            "spec": {name: value for name, value in spec.items() if value is not None},
        }
        await self.lab.declare(json.dumps(document))

    async def begin(self, connector: str = CONNECTOR) -> Begun:
        """Begin in a browser."""
        keys, verifier = new_client_keys(), new_secret(SystemEntropy())
        said = BeginOidc(connector, PORT, challenge_of(verifier), keys.public(), "laptop")
        return Begun(await begin(self.lab.services, PEER, said), verifier, keys)

    async def complete(self, begun: Begun, callback: str, **changes: str) -> SignedIn:
        """Finish with what the browser was sent back with."""
        brought = {name: found[0] for name, found in parse_qs(urlsplit(callback).query).items()}
        fields = {
            "flow": begun.answer.flow,
            "state": brought.get("state", ""),
            "code": brought.get("code", ""),
            "code_verifier": begun.verifier,
            "iss": brought.get("iss", ""),
            **changes,
        }
        return await complete(self.lab.services, PEER, CompleteOidc(**fields))

    async def sign_in(self, someone: Someone) -> SignedIn:
        """The whole way."""
        begun = await self.begin()
        return await self.complete(begun, someone.sign_in(begun.answer.authorization_url))

    async def session(self, begun: Begun, signed_in: SignedIn, node: str = "prod-web-01") -> SessionId:
        """A session that is opening under the sign-in, on a proof by the keys that were certified."""
        key = load_ssh_private_key(begun.keys.ssh_private.reveal(), None)
        assert isinstance(key, Ed25519PrivateKey)
        row = await self.row(signed_in)
        caller = UserCaller(row.user_id, signed_in.user_name, row.id, row.source)
        who = LabSignIn(caller, key, parse_public_key_line(signed_in.ssh_certificate), b"", row)
        await self.lab.node(node, {"env": "prod"})
        return SessionId((await open_as(self.lab, who, f"dwt-root@{node}")).session_id)

    async def with_session(self, someone: Someone) -> tuple[SignedIn, SessionId]:
        """A sign-in, and a session under it."""
        begun = await self.begin()
        signed_in = await self.complete(begun, someone.sign_in(begun.answer.authorization_url))
        return signed_in, await self.session(begun, signed_in)

    async def user(self, user_id: str) -> tuple[str, User]:
        """A user's name and declared value, as policy sees it."""

        found = await self.lab.read(lambda tx: self.lab.services.policy.view(tx).users[user_id])
        return found[0].name, found[1]

    async def row(self, signed_in: SignedIn) -> SignIn:
        """The sign-in's row."""
        found = await self.lab.read(lambda tx: tx.sign_ins.get(SignInId(signed_in.sign_in_id)))
        assert found is not None
        return found

    async def live(self, signed_in: SignedIn) -> bool:
        """Whether the sign-in still counts."""
        return (await self.row(signed_in)).is_live(self.lab.clock.now())

    async def linked(self, sub: str) -> UserId | None:
        """The user of an identity."""
        return await self.lab.read(lambda tx: tx.identity_links.user_of(self.issuer, sub))


@asynccontextmanager
async def open_oidc_lab(issuer: str, secrets: Sequence[str] = ()) -> AsyncIterator[OidcLab]:
    """A lab at the machine's time: the provider's tokens are made now."""
    clock = ManualClock(datetime.now(UTC).replace(microsecond=0))
    async with open_lab(clock) as lab:
        parts = OidcParts.make(clock, [lab.folder / "secrets"])
        lab.services = replace(lab.services, oidc=parts)
        await lab.declare(ROLES)
        oidc = OidcLab(lab, issuer)
        await oidc.connector()
        try:
            yield oidc
        finally:
            await parts.http.close()
