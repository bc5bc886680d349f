"""How a node becomes reachable: by a one-time token from its own host, or by a fingerprint that somebody typed."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.authorities import ed25519_key
from tests.support.authority_lab import OPS, PEER, AuthorityLab, LabSignIn
from tests.support.proofs import open_as

from doorward.api.bodies.administration import EnrolNode, IssueToken, NodeSetup, PinHostKey
from doorward.api.bodies.gateway_calls import RenewLease
from doorward.authority.operations.admission import SessionRefused
from doorward.authority.operations.contact import renew_lease
from doorward.authority.operations.joining import issue_token
from doorward.authority.operations.node_doubt import AnotherKey, lock_name
from doorward.authority.operations.nodes import enrol_node, host_key, node_setup, pin_host_key
from doorward.authority.operations.resources import delete_resource
from doorward.authority.operations.threshold import NodeUnverified
from doorward.authority.operations.tokens import TokenRefused
from doorward.authority.rights import NoRight
from doorward.base.errors import Invalid, Missing
from doorward.base.ids import NodeId
from doorward.domain.certificates.principals import node_principal, session_principal
from doorward.domain.certificates.ssh_check import check_host_certificate
from doorward.wire.ssh.certificate import parse_certificate
from doorward.wire.ssh.fields import encode_text
from doorward.wire.ssh.public_key import fingerprint, parse_public_key_line, public_key_line

HOST_KEY = ed25519_key(900)[1]
LINE = public_key_line(HOST_KEY)
OTHER_KEY = ed25519_key(902)[1]
OTHER_LINE = public_key_line(OTHER_KEY)
CHECK = public_key_line(ed25519_key(901)[1])
SETUP = NodeSetup(["dwt-root", "dwt-app"], "https://authority.example:3443")


@pytest.fixture
async def admin(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("ada", "admin")


@pytest.fixture
async def node_id(lab: AuthorityLab) -> NodeId:
    return await lab.node("web", {"env": "prod"}, verified=False)


async def token_for(lab: AuthorityLab, admin: LabSignIn, name: str = "web") -> str:
    script = (await node_setup(lab.services, admin.caller, name, SETUP)).script
    return script.split("DOORWARD_TOKEN=")[1].split("\n")[0].strip("'")


async def test_token_makes_the_hosts_key_known(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    token = await token_for(lab, admin)
    answer = await enrol_node(lab.services, PEER, EnrolNode(token, LINE))
    certificate = parse_certificate(parse_public_key_line(answer.host_certificate))
    check_host_certificate(certificate, lab.services.keys.node_host, node_principal(node_id), lab.clock.now())
    host = await lab.read(lambda tx: tx.node_hosts.get(node_id))
    assert host is not None
    assert (host.fingerprint, host.host_key, str(host.verified_by)) == (fingerprint(HOST_KEY), HOST_KEY, "token")
    assert answer.check_certificates == []
    assert (await lab.events("node.enrolled"))[0].fields["fingerprint"] == fingerprint(HOST_KEY)


async def test_check_key_gets_one_certificate_for_each_account_of_the_token(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId
) -> None:
    answer = await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), LINE, CHECK))
    certificates = [parse_certificate(parse_public_key_line(line)) for line in answer.check_certificates]
    assert [one.fields.principals for one in certificates] == [
        (session_principal(node_id, "dwt-root"),),
        (session_principal(node_id, "dwt-app"),),
    ]


async def test_check_certificates_run_nothing_but_true_from_the_node_itself(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId
) -> None:
    size = await lab.log_size()
    answer = await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), LINE, CHECK))
    certificates = [parse_certificate(parse_public_key_line(line)) for line in answer.check_certificates]
    for one in certificates:
        options = dict(one.fields.critical_options)
        assert options["force-command"] == encode_text("true")
        assert options["source-address"] == encode_text("127.0.0.1/32,::1/128")
        assert not one.fields.extensions
    noted = [one for one in await lab.events_since(size) if one.type == "certificate.signed"]
    assert [one.fields["serial"] for one in noted] == [str(one.fields.serial) for one in certificates]


async def test_node_is_reachable_from_then_on(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    await lab.declare(OPS)
    bob = await lab.signed_in("bob", "ops")
    await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), LINE))
    assert (await open_as(lab, bob, "dwt-root@web")).host_key_fingerprint == fingerprint(HOST_KEY)


@pytest.mark.parametrize(
    ("address", "source"),
    [("127.0.0.2", "127.0.0.2/32"), ("10.0.0.5", "10.0.0.5/32"), ("2001:db8::5", "2001:db8::5/128")],
)
async def test_check_certificates_open_from_the_one_address_that_the_script_names(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId, address: str, source: str
) -> None:
    answer = await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), LINE, CHECK, address))
    for line in answer.check_certificates:
        options = dict(parse_certificate(parse_public_key_line(line)).fields.critical_options)
        assert options["source-address"] == encode_text(source)


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "10.0.0.0/8", "224.0.0.1", "fe80::1%eth0", "a.example", "10.0.0.5,0.0.0.0/0", " "]
)
async def test_check_from_what_is_no_address_of_a_machine_spends_nothing(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId, address: str
) -> None:
    token = await token_for(lab, admin)
    with pytest.raises(Invalid):
        await enrol_node(lab.services, PEER, EnrolNode(token, LINE, CHECK, address))
    await enrol_node(lab.services, PEER, EnrolNode(token, LINE, CHECK))


async def gateways_in_script(lab: AuthorityLab, admin: LabSignIn, *addresses: str) -> list[str]:
    said = NodeSetup(SETUP.logins, SETUP.url, gateway_addresses=[*addresses])
    script = (await node_setup(lab.services, admin.caller, "web", said)).script
    return script.split("DOORWARD_GATEWAYS=")[1].split("\n")[0].strip("'").split(",")


async def test_nodes_are_told_where_gateways_are_seen_and_where_the_authority_is(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId
) -> None:
    assert await gateways_in_script(lab, admin) == ["authority.example"]
    caller = lab.gateway
    for source, seen in (("198.51.100.7", ["198.51.100.7"]), ("127.0.0.1", []), ("::ffff:192.0.2.4", ["192.0.2.4"])):
        await renew_lease(lab.services, replace(caller, source=source), RenewLease([]))
        assert await gateways_in_script(lab, admin) == [*seen, "authority.example"]


async def test_given_addresses_of_gateways_stand_for_all(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    given = ("192.0.2.9", "192.0.2.9/32", "198.51.100.0/24", "2001:db8::/64")
    assert await gateways_in_script(lab, admin, *given) == ["192.0.2.9", "198.51.100.0/24", "2001:db8::/64"]


@pytest.mark.parametrize(
    "address", ["gw.example", "192.0.2.9/24", "0.0.0.0/0", "::/0", "", "192.0.2.1 x", "fe80::1%lo"]
)
async def test_address_of_a_gateway_that_sshd_could_not_read_is_refused(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId, address: str
) -> None:
    with pytest.raises(Invalid):
        await gateways_in_script(lab, admin, address)


async def test_second_key_locks_the_node_and_is_not_believed(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId
) -> None:
    await lab.declare(OPS)
    bob = await lab.signed_in("bob", "ops")
    await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), LINE))
    plan = await open_as(lab, bob, "dwt-root@web")
    with pytest.raises(AnotherKey):
        await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), OTHER_LINE))
    host = await lab.read(lambda tx: tx.node_hosts.get(node_id))
    assert host is not None
    assert host.fingerprint == fingerprint(HOST_KEY)
    assert [one.session_id for one in await lab.cuts()] == [plan.session_id]
    with pytest.raises(SessionRefused):
        await open_as(lab, bob, "dwt-root@web")
    (locked,) = await lab.events("lock.created")
    assert locked.fields["name"] == lock_name(node_id)
    with pytest.raises(AnotherKey):
        await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), OTHER_LINE))


async def test_second_key_locks_again_when_the_lock_of_an_earlier_one_has_run_out(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId
) -> None:
    await lab.declare(OPS)
    bob = await lab.signed_in("bob", "ops")
    await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), LINE))
    with pytest.raises(AnotherKey):
        await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), OTHER_LINE))
    ends = (lab.clock.now() + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    spec = f"{{target: {{node: {node_id}}}, expires: '{ends}'}}"
    await lab.apply(admin, f"kind: lock\nversion: v1\nmetadata: {{name: {lock_name(node_id)}}}\nspec: {spec}\n")
    lab.advance(minutes=6)
    plan = await open_as(lab, bob, "dwt-root@web")
    with pytest.raises(AnotherKey):
        await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), OTHER_LINE))
    assert [one.session_id for one in await lab.cuts()] == [plan.session_id]
    with pytest.raises(SessionRefused):
        await open_as(lab, bob, "dwt-root@web")
    size = await lab.log_size()
    with pytest.raises(AnotherKey):  # and once more says it once more, but has nothing new to lock
        await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), OTHER_LINE))
    assert [one.type for one in await lab.events_since(size)].count("lock.created") == 0


async def test_same_key_is_enrolled_again_without_a_word(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    for _ in range(2):
        await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), LINE))
    assert await lab.events("lock.created") == []


async def test_replacing_closes_the_node_until_the_other_key_is_enrolled(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId
) -> None:
    await lab.declare(OPS)
    bob = await lab.signed_in("bob", "ops")
    await enrol_node(lab.services, PEER, EnrolNode(await token_for(lab, admin), LINE))
    plan = await open_as(lab, bob, "dwt-root@web")
    replacing = NodeSetup(SETUP.logins, SETUP.url, replace=True)
    script = (await node_setup(lab.services, admin.caller, "web", replacing)).script
    assert [one.session_id for one in await lab.cuts()] == [plan.session_id]
    with pytest.raises(NodeUnverified):
        await open_as(lab, bob, "dwt-root@web")
    token = script.split("DOORWARD_TOKEN=")[1].split("\n")[0].strip("'")
    await enrol_node(lab.services, PEER, EnrolNode(token, OTHER_LINE))
    assert (await open_as(lab, bob, "dwt-root@web")).host_key_fingerprint == fingerprint(OTHER_KEY)


async def test_typing_another_fingerprint_cuts_what_is_open(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId
) -> None:
    await lab.declare(OPS)
    bob = await lab.signed_in("bob", "ops")
    await pin_host_key(lab.services, admin.caller, "web", PinHostKey(fingerprint(HOST_KEY)))
    plan = await open_as(lab, bob, "dwt-root@web")
    await pin_host_key(lab.services, admin.caller, "web", PinHostKey(fingerprint(HOST_KEY)))
    assert await lab.cuts() == []
    await pin_host_key(lab.services, admin.caller, "web", PinHostKey(fingerprint(OTHER_KEY)))
    assert [(one.session_id, str(one.reason)) for one in await lab.cuts()] == [(plan.session_id, "target_changed")]


async def test_token_works_once(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    token = await token_for(lab, admin)
    calls = (enrol_node(lab.services, PEER, EnrolNode(token, LINE)) for _ in range(4))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in results) == 1
    assert all(isinstance(one, TokenRefused) for one in results if isinstance(one, BaseException))


async def test_token_dies_after_ten_minutes(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    token = await token_for(lab, admin)
    lab.advance(minutes=10)
    with pytest.raises(TokenRefused):
        await enrol_node(lab.services, PEER, EnrolNode(token, LINE))
    assert await lab.read(lambda tx: tx.node_hosts.get(node_id)) is None


async def test_token_of_another_kind_lets_no_node_in(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    issued = await issue_token(lab.services, admin.caller, IssueToken("gateway", "gw2", ["gw2.example"]))
    for token in (issued.token, "", "no such token", issued.token.upper()):
        with pytest.raises(TokenRefused):
            await enrol_node(lab.services, PEER, EnrolNode(token, LINE))


async def test_removed_node_is_not_enrolled(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    token = await token_for(lab, admin)
    await delete_resource(lab.services, admin.caller, "node", "web", None)
    with pytest.raises(Missing):
        await enrol_node(lab.services, PEER, EnrolNode(token, LINE))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-dss AAAAB3NzaC1kc3M=",
        "ssh-rsa " + LINE.split()[1],
        f'command="id" {LINE}',
        LINE + "\n" + LINE,
    ],
)
async def test_line_that_is_no_host_key_spends_nothing(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId, line: str
) -> None:
    token = await token_for(lab, admin)
    with pytest.raises(Invalid):
        await enrol_node(lab.services, PEER, EnrolNode(token, line))
    await enrol_node(lab.services, PEER, EnrolNode(token, LINE))


async def test_certificate_is_no_host_key(lab: AuthorityLab) -> None:
    bob = await lab.signed_in("bob")
    with pytest.raises(Invalid):
        host_key(public_key_line(bob.certificate))


async def test_setting_up_needs_the_right_and_a_node(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    olga = await lab.signed_in("olga", "auditor")
    with pytest.raises(NoRight):
        await node_setup(lab.services, olga.caller, "web", SETUP)
    with pytest.raises(Missing):
        await node_setup(lab.services, admin.caller, "nowhere", SETUP)


@pytest.mark.parametrize("login", ["", "-x", "a b", "a;b", "root:", "../x", "x" * 65, "*", "a\nb", "$(id)"])
async def test_login_that_is_none_is_refused(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId, login: str) -> None:
    with pytest.raises(Invalid):
        await node_setup(lab.services, admin.caller, "web", NodeSetup([login], SETUP.url))


@pytest.mark.parametrize(
    "url", ["", "http://a.example", "https://", "https://a.example/x", "https://a b", "https://a';id", "file:///etc"]
)
async def test_address_that_is_none_is_refused(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId, url: str) -> None:
    with pytest.raises(Invalid):
        await node_setup(lab.services, admin.caller, "web", NodeSetup(["root"], url))


async def test_typed_fingerprint_vouches_for_the_node(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    await pin_host_key(lab.services, admin.caller, "web", PinHostKey(fingerprint(HOST_KEY)))
    host = await lab.read(lambda tx: tx.node_hosts.get(node_id))
    assert host is not None
    assert (host.fingerprint, host.host_key, host.verifier) == (fingerprint(HOST_KEY), b"", admin.caller.user_id)


@pytest.mark.parametrize("text", ["", "MD5:aa:bb", "SHA256:", "SHA256:" + "A" * 42, "SHA256:" + "A" * 44, "A" * 50])
async def test_fingerprint_that_is_none_is_refused(
    lab: AuthorityLab, admin: LabSignIn, node_id: NodeId, text: str
) -> None:
    with pytest.raises(Invalid):
        await pin_host_key(lab.services, admin.caller, "web", PinHostKey(text))
    olga = await lab.signed_in("olga", "auditor")
    with pytest.raises(NoRight):
        await pin_host_key(lab.services, olga.caller, "web", PinHostKey(fingerprint(HOST_KEY)))


async def test_token_is_stored_as_a_hash_only(lab: AuthorityLab, admin: LabSignIn, node_id: NodeId) -> None:
    token = await token_for(lab, admin)
    database = b"".join(one.read_bytes() for one in sorted((lab.folder / "authority").iterdir()))
    assert token.encode() not in database
