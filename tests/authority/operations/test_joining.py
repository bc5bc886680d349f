"""Gateways join by a one-time token, under names that are names, and renew their own certificate only."""

import asyncio

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.authorities import ed25519_key
from tests.support.authority_lab import PEER, AuthorityLab, LabSignIn
from tests.support.enrolments import client_keys

from doorward.api.bodies.administration import IssueToken, JoinedGateway, JoinGateway, NodeSetup
from doorward.api.bodies.gateway_calls import MintFaces, RenewIdentity, RenewLease
from doorward.authority.callers import Peer
from doorward.authority.identify import Identifier, NotIdentified
from doorward.authority.operations.contact import renew_lease, watch
from doorward.authority.operations.faces import NotItsName, may_show, mint_faces
from doorward.authority.operations.joining import (
    NotAdministrator,
    NotTheTokensNames,
    issue_token,
    join_gateway,
    renew_identity,
)
from doorward.authority.operations.nodes import node_setup
from doorward.authority.operations.tokens import TokenRefused
from doorward.authority.rights import NoRight
from doorward.base.errors import Conflict, DoorwardError, Invalid, Missing
from doorward.base.ids import GatewayId
from doorward.domain.certificates.ssh_check import check_face_certificate
from doorward.wire.ssh.certificate import parse_certificate

REQUEST = client_keys().x509_request_pem
NAMES = frozenset({"gw.example", "127.0.0.1"})


@pytest.fixture
async def admin(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("ada", "admin")


async def token_for(lab: AuthorityLab, admin: LabSignIn, name: str = "gw2", *names: str) -> str:
    wanted = IssueToken("gateway", name, list(names or (f"{name}.example",)))
    return (await issue_token(lab.services, admin.caller, wanted)).token


async def join(lab: AuthorityLab, token: str, *names: str, request: str = REQUEST) -> JoinedGateway:
    return await join_gateway(lab.services, PEER, JoinGateway(token, list(names or ("gw2.example",)), request))


def leaf_of(chain_pem: str) -> bytes:
    return x509.load_pem_x509_certificates(chain_pem.encode())[0].public_bytes(Encoding.DER)


async def test_joined_gateway_is_known_by_its_certificate(lab: AuthorityLab, admin: LabSignIn) -> None:
    joined = await join(lab, await token_for(lab, admin))
    caller = await Identifier(lab.services).gateway(Peer("192.0.2.91", leaf_of(joined.x509_chain_pem)))
    assert (caller.gateway_id, caller.name) == (joined.gateway_id, "gw2")
    (noted,) = await lab.events("gateway.joined")
    assert noted.fields["names"] == ["gw2.example"]


async def test_joined_gateway_has_the_scope_of_its_token(lab: AuthorityLab, admin: LabSignIn) -> None:
    wanted = IssueToken("gateway", "gw2", ["gw2.example"], {"env": ["prod", "dev"]})
    joined = await join(lab, (await issue_token(lab.services, admin.caller, wanted)).token)
    gateway = await lab.read(lambda tx: tx.gateways.get(GatewayId(joined.gateway_id)))
    assert gateway is not None
    assert gateway.scope == {"env": ("prod", "dev")}
    (issued,) = await lab.events("token.issued")
    (noted,) = await lab.events("gateway.joined")
    assert issued.fields["scope"] == noted.fields["scope"] == {"env": ["prod", "dev"]}
    with pytest.raises(Invalid):
        await issue_token(lab.services, admin.caller, IssueToken("gateway", "gw3", ["gw3.example"], {"env": []}))


async def test_token_works_once_and_for_ten_minutes(lab: AuthorityLab, admin: LabSignIn) -> None:
    token = await token_for(lab, admin)
    results = await asyncio.gather(*(join(lab, token) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(one, JoinedGateway) for one in results) == 1
    late = await token_for(lab, admin, "gw3")
    lab.advance(minutes=10)
    with pytest.raises(TokenRefused):
        await join(lab, late)


async def test_nodes_token_lets_no_gateway_in(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.node("web")
    script = (await node_setup(lab.services, admin.caller, "web", NodeSetup(["root"], "https://a.example"))).script
    token = script.split("DOORWARD_TOKEN=")[1].split("\n")[0].strip("'")
    with pytest.raises(TokenRefused):
        await join(lab, token)


@pytest.mark.parametrize("name", ["", "A.example", "*.example", "a b", "gw2.example.", "-x", "::0001", "a/b", "x" * 64])
async def test_name_that_is_none_spends_nothing(lab: AuthorityLab, admin: LabSignIn, name: str) -> None:
    token = await token_for(lab, admin)
    with pytest.raises(Invalid):
        await join(lab, token, name)
    await join(lab, token)


@pytest.mark.parametrize("request_pem", ["", "no request", REQUEST.replace("REQUEST", "CERTIFICATE")])
async def test_request_that_is_none_spends_nothing(lab: AuthorityLab, admin: LabSignIn, request_pem: str) -> None:
    token = await token_for(lab, admin)
    with pytest.raises(Invalid):
        await join(lab, token, request=request_pem)
    await join(lab, token)


async def test_name_of_a_gateway_is_given_once(lab: AuthorityLab, admin: LabSignIn) -> None:
    first, second = await token_for(lab, admin), await token_for(lab, admin)
    await join(lab, first)
    with pytest.raises(DoorwardError):
        await join(lab, second)
    with pytest.raises(Conflict):
        await token_for(lab, admin)
    with pytest.raises(Conflict):
        await token_for(lab, admin, "gw")


async def test_tokens_are_for_gateways_and_for_those_who_may(lab: AuthorityLab, admin: LabSignIn) -> None:
    for kind in ("node", "", "Gateway"):
        with pytest.raises(Invalid):
            await issue_token(lab.services, admin.caller, IssueToken(kind, "x", ["x.example"]))
    with pytest.raises(Invalid):
        await issue_token(lab.services, admin.caller, IssueToken("gateway", "No Name", ["x.example"]))
    olga = await lab.signed_in("olga", "auditor")
    with pytest.raises(NoRight):
        await token_for(lab, olga)


CREATES_NODES = """\
kind: role
version: v8
metadata: {name: nodes}
spec: {allow: {rules: [{resources: [node], verbs: [list, read, create, update, delete]}]}}
"""


async def test_a_right_on_nodes_lets_no_gateway_join(lab: AuthorityLab) -> None:
    await lab.declare(CREATES_NODES)
    joe = await lab.signed_in("joe", "nodes")
    with pytest.raises(NotAdministrator):
        await token_for(lab, joe)


async def test_gateway_is_called_what_its_token_says(lab: AuthorityLab, admin: LabSignIn) -> None:
    token = await token_for(lab, admin, "gw2", "gw2.example", "192.0.2.9")
    for names in (["gw.example"], ["gw2.example", "other.example"], ["web.dw"]):
        with pytest.raises(NotTheTokensNames):
            await join(lab, token, *names)
    await join(lab, token, "192.0.2.9")
    assert {one.name: one.names for one in await lab.read(lambda tx: tx.gateways.list())}["gw2"] == ("192.0.2.9",)
    (noted,) = await lab.events("token.issued")
    assert noted.fields["names"] == ["gw2.example", "192.0.2.9"]


async def test_no_two_gateways_share_a_name(lab: AuthorityLab, admin: LabSignIn) -> None:
    with pytest.raises(Conflict):
        await token_for(lab, admin, "gw2", "gw.example")
    first = await token_for(lab, admin, "gw2", "shared.example")
    second = await token_for(lab, admin, "gw3", "shared.example")
    await join(lab, first, "shared.example")
    with pytest.raises(Conflict):
        await join(lab, second, "shared.example")


@pytest.mark.parametrize("names", [[], ["*.example"], ["Gw.example"], [""]])
async def test_token_for_a_name_that_is_none_is_not_made(lab: AuthorityLab, admin: LabSignIn, names: list[str]) -> None:
    with pytest.raises(Invalid):
        await issue_token(lab.services, admin.caller, IssueToken("gateway", "gw2", names))


async def test_renewed_certificate_is_the_same_gateways(lab: AuthorityLab) -> None:
    renewed = await renew_identity(lab.services, lab.gateway, RenewIdentity(REQUEST))
    caller = await Identifier(lab.services).gateway(Peer("192.0.2.91", leaf_of(renewed.x509_chain_pem)))
    assert caller.gateway_id == lab.gateway.gateway_id


async def seen(lab: AuthorityLab, chain_pem: str) -> str:
    """Whom the certificate is taken for."""
    return (await Identifier(lab.services).gateway(Peer("192.0.2.91", leaf_of(chain_pem)))).name


async def test_old_certificate_counts_until_the_new_one_was_seen_and_half_a_minute(
    lab: AuthorityLab, admin: LabSignIn
) -> None:
    old = (await join(lab, await token_for(lab, admin))).x509_chain_pem
    peer = Peer("192.0.2.91", leaf_of(old))
    lost = await renew_identity(lab.services, await Identifier(lab.services).gateway(peer), RenewIdentity(REQUEST))
    lab.advance(hours=1)
    assert await seen(lab, old) == "gw2"  # the answer may have been lost
    caller = await Identifier(lab.services).gateway(peer)
    new = (await renew_identity(lab.services, caller, RenewIdentity(REQUEST))).x509_chain_pem
    with pytest.raises(NotIdentified):
        await seen(lab, lost.x509_chain_pem)
    assert await seen(lab, new) == "gw2"
    lab.advance(seconds=29)
    assert await seen(lab, old) == "gw2"
    lab.advance(seconds=1)
    with pytest.raises(NotIdentified):
        await seen(lab, old)
    with pytest.raises(Missing):
        await renew_lease(lab.services, caller, RenewLease([]))
    assert await seen(lab, new) == "gw2"


async def test_stream_of_an_old_certificate_ends(lab: AuthorityLab, admin: LabSignIn) -> None:
    old = (await join(lab, await token_for(lab, admin))).x509_chain_pem
    caller = await Identifier(lab.services).gateway(Peer("192.0.2.91", leaf_of(old)))
    messages = watch(lab.services, caller, 0)
    await anext(messages)
    new = (await renew_identity(lab.services, caller, RenewIdentity(REQUEST))).x509_chain_pem
    await seen(lab, new)
    lab.advance(seconds=30)
    async with asyncio.timeout(5):
        assert len([message async for message in messages]) == 1


async def test_certificate_from_before_a_rebinding_is_nobodys(lab: AuthorityLab, admin: LabSignIn) -> None:
    """As after a restore, which gives the gateway beside the authority an identity made there."""
    joined = await join(lab, await token_for(lab, admin))
    gateway_id = GatewayId(joined.gateway_id)
    await lab.store.write(lambda tx: tx.gateways.rebind(gateway_id, "0c", ["gw2.example"]))
    with pytest.raises(NotIdentified):
        await seen(lab, joined.x509_chain_pem)


async def test_clock_behind_the_log_joins_and_shows_nothing(lab: AuthorityLab, admin: LabSignIn) -> None:
    token = await token_for(lab, admin)
    lab.services.clock_guard.look(0, 3_000_000)
    for call in (
        join(lab, token),
        renew_identity(lab.services, lab.gateway, RenewIdentity(REQUEST)),
        mint_faces(lab.services, lab.gateway, MintFaces(b"", ["gw.example"])),
    ):
        with pytest.raises(DoorwardError) as caught:
            await call
        assert caught.value.code == "clock_behind"


class TestFaces:
    @pytest.mark.parametrize("name", ["gw.example", "127.0.0.1", "web.dw", "a.dw", "no-such-node.dw", "x" * 63 + ".dw"])
    def test_own_names_and_any_nodes_may_be_shown(self, name: str) -> None:
        assert may_show(name, NAMES, "dw")

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "dw",
            ".dw",
            "web",
            "web.dw.",
            "web.db.dw",
            "WEB.dw",
            "web.DW",
            "-web.dw",
            "web-.dw",
            "web.dwx",
            "other.example",
            "x.gw.example",
            "web\n.dw",
            "web.dw\n",
            "x" * 64 + ".dw",
            "*.dw",
            "authority.example",
        ],
    )
    def test_nothing_else_may_be_shown(self, name: str) -> None:
        assert not may_show(name, NAMES, "dw")

    async def test_known_and_unknown_nodes_are_minted_alike(self, lab: AuthorityLab) -> None:
        await lab.node("web")
        faces = await mint_faces(lab.services, lab.gateway, MintFaces(ed25519_key(5)[1], ["web.dw", "nowhere.dw"]))
        for name, blob in zip(["web.dw", "nowhere.dw"], faces.certificates, strict=True):
            found = check_face_certificate(parse_certificate(blob), lab.services.keys.face_host, lab.clock.now())
            assert (found.name, found.gateway_id) == (name, lab.gateway.gateway_id)

    async def test_one_name_that_is_not_its_own_gives_none_at_all(self, lab: AuthorityLab) -> None:
        await lab.add_gateway("other", "other.example")
        with pytest.raises(NotItsName):
            await mint_faces(lab.services, lab.gateway, MintFaces(ed25519_key(5)[1], ["gw.example", "other.example"]))

    async def test_key_that_is_none_is_refused(self, lab: AuthorityLab) -> None:
        with pytest.raises(Invalid):
            await mint_faces(lab.services, lab.gateway, MintFaces(b"no key", ["gw.example"]))
