"""Rotating an authority's key: who would be locked out is waited for, and what the signer did is told to the log."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from tests.support.authorities import INSTALLATION, KEK, ed25519_key
from tests.support.authority_lab import PEER, AuthorityLab, LabSignIn, open_lab
from tests.support.signers import running_signer

from doorward.api.bodies.administration import EnrolNode, NodeSetup, PinHostKey, RotateAuthority, Rotation
from doorward.api.bodies.gateway_calls import RenewLease
from doorward.api.signer.client import SignerClient
from doorward.authority.key_changes import look_at_keys
from doorward.authority.operations.contact import gateway_trust, renew_lease, watch
from doorward.authority.operations.joining import NotAdministrator
from doorward.authority.operations.nodes import enrol_node, node_setup, pin_host_key
from doorward.authority.operations.resources import delete_resource
from doorward.authority.operations.rotation import RotationWaits, rotate, rotations
from doorward.authority.rights import NoRight
from doorward.base.errors import Missing
from doorward.base.ids import NodeId
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.domain.certificates.rotation import OutOfStep, RotationStep
from doorward.domain.identity.sign_in import SignInEnd
from doorward.stores.keys.key_files import open_keys
from doorward.wire.ssh.public_key import fingerprint, parse_public_key_line, public_key_line

HOST_KEY = ed25519_key(910)[1]
LINE = public_key_line(HOST_KEY)


@pytest.fixture
async def lab() -> AsyncIterator[AuthorityLab]:
    async with open_lab(has_own_keys=True) as opened:
        await look_at_keys(opened.services)
        yield opened


@pytest.fixture
async def admin(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("ada", "admin")


async def step(lab: AuthorityLab, admin: LabSignIn, purpose: str, wanted: str) -> Rotation:
    return await rotate(lab.services, admin.caller, purpose, RotateAuthority(wanted))


async def standing(lab: AuthorityLab, admin: LabSignIn, purpose: str) -> Rotation:
    found = await rotations(lab.services, admin.caller)
    return next(each for each in found.items if each.purpose == purpose)


async def waited_for(lab: AuthorityLab, admin: LabSignIn, purpose: str) -> Sequence[tuple[str, str]]:
    return [(wait.kind, wait.name) for wait in (await standing(lab, admin, purpose)).waits]


async def set_up(lab: AuthorityLab, admin: LabSignIn, name: str) -> list[str]:
    said = NodeSetup(["dwt-root"], "https://authority.example:3443")
    script = (await node_setup(lab.services, admin.caller, name, said)).script
    token = script.split("DOORWARD_TOKEN=")[1].split("\n")[0].strip("'")
    return (await enrol_node(lab.services, PEER, EnrolNode(token, LINE))).session_authorities


async def told(lab: AuthorityLab) -> list[tuple[str, str]]:
    return [(one.fields["kind"], one.fields["step"]) for one in await lab.events("authority_key.rotated")]


async def test_session_key_moves_on_only_when_every_node_carries_the_new_one(
    lab: AuthorityLab, admin: LabSignIn
) -> None:
    await lab.node("web", {"env": "prod"}, verified=False)
    await lab.node("db", {"env": "prod"}, verified=False)
    await lab.node("idle", {"env": "prod"}, verified=False)  # never set up: nothing connects to it anyway
    first = await set_up(lab, admin, "web")
    await set_up(lab, admin, "db")

    prepared = await step(lab, admin, "session-ssh", "prepare")
    assert (prepared.state, prepared.next_step) == ("prepared", "switch")
    assert [(wait.kind, wait.name) for wait in prepared.waits] == [("node", "db"), ("node", "web")]
    with pytest.raises(RotationWaits, match=r"node db: it lacks the new key.*dw nodes setup db.*node web"):
        await step(lab, admin, "session-ssh", "switch")

    both = await set_up(lab, admin, "web")
    assert set(both) > set(first)
    assert len(both) == 2
    assert await waited_for(lab, admin, "session-ssh") == [("node", "db")]
    head = next(one for one in await lab.read(lambda tx: tx.resources.heads("node")) if one.name == "db")
    await delete_resource(lab.services, admin.caller, "node", "db", head.revision)

    switched = await step(lab, admin, "session-ssh", "switch")
    assert (switched.state, switched.waits, switched.leftovers) == ("switched", [], [])
    stable = await step(lab, admin, "session-ssh", "retire")
    assert (stable.state, stable.leftovers) == ("stable", ["web"])
    assert set(await set_up(lab, admin, "web")) == set(both) - set(first)
    assert (await standing(lab, admin, "session-ssh")).leftovers == []
    assert await told(lab) == [("session-ssh", each) for each in ("prepared", "switched", "retired")]


async def test_node_whose_key_was_typed_waits_until_somebody_says_that_it_has_the_new_key(
    lab: AuthorityLab, admin: LabSignIn
) -> None:
    await lab.node("legacy", verified=False)
    typed = PinHostKey(fingerprint(HOST_KEY))
    sworn = PinHostKey(fingerprint(HOST_KEY), authorities_installed=True)
    await pin_host_key(lab.services, admin.caller, "legacy", sworn)
    await step(lab, admin, "session-ssh", "prepare")
    await pin_host_key(lab.services, admin.caller, "legacy", typed)
    assert await waited_for(lab, admin, "session-ssh") == [("node", "legacy")]
    await pin_host_key(lab.services, admin.caller, "legacy", sworn)
    assert await waited_for(lab, admin, "session-ssh") == []


async def test_users_key_waits_for_gateways_in_contact_and_for_no_others(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.add_gateway("away", "away.example")
    await gateway_trust(lab.services, lab.gateway)
    await renew_lease(lab.services, lab.gateway, RenewLease([]))
    await step(lab, admin, "user-ssh", "prepare")
    assert await waited_for(lab, admin, "user-ssh") == [("gateway", "gw")]
    with pytest.raises(RotationWaits):
        await step(lab, admin, "user-ssh", "switch")

    trust = await gateway_trust(lab.services, lab.gateway)
    assert len(trust.user_authorities) == 2
    await step(lab, admin, "user-ssh", "switch")


async def test_users_old_key_stays_until_the_last_sign_in_under_it_has_ended(
    lab: AuthorityLab, admin: LabSignIn
) -> None:
    bob = await lab.signed_in("bob")
    await lab.signed_in("eve")
    await step(lab, admin, "user-ssh", "prepare")
    await step(lab, admin, "user-ssh", "switch")
    assert await waited_for(lab, admin, "user-ssh") == [("sign_in", "3")]
    assert lab.services.keys.user_ssh != ()

    lab.advance(hours=1)
    again = await lab.sign_in("ada", admin.caller.user_id)
    for who in (admin, bob):
        await lab.store.write(lambda tx, one=who: tx.sign_ins.end(one.row.id, SignInEnd.SIGNED_OUT, tx.now))  # type: ignore[misc]
    with pytest.raises(RotationWaits, match="sign_in 1: so many are under the old key; the last of them ends at 2026"):
        await step(lab, again, "user-ssh", "retire")
    lab.advance(hours=7)
    stable = await step(lab, again, "user-ssh", "retire")
    assert stable.state == "stable"
    assert lab.services.keys.user_ssh == ((await lab.services.signer.public_keys()).public_keys(Purpose.USER_SSH))
    assert len(lab.services.keys.user_ssh) == 1


async def test_faces_key_waits_for_sign_ins_that_do_not_know_it_and_then_for_the_last_face(
    lab: AuthorityLab, admin: LabSignIn
) -> None:
    await step(lab, admin, "face-host", "prepare")
    assert await waited_for(lab, admin, "face-host") == [("sign_in", "1")]
    again = await lab.sign_in("ada", admin.caller.user_id)
    await lab.store.write(lambda tx: tx.sign_ins.end(admin.row.id, SignInEnd.SIGNED_OUT, tx.now))
    await step(lab, again, "face-host", "switch")
    assert await waited_for(lab, again, "face-host") == [("time", "")]
    lab.advance(minutes=10)
    assert (await step(lab, again, "face-host", "retire")).state == "stable"


async def test_hosts_old_key_stays_until_every_node_shows_a_certificate_of_the_new_one(
    lab: AuthorityLab, admin: LabSignIn
) -> None:
    await lab.node("web", {"env": "prod"}, verified=False)
    await set_up(lab, admin, "web")
    await step(lab, admin, "node-host", "prepare")
    await step(lab, admin, "node-host", "switch")
    with pytest.raises(RotationWaits, match="node web: its host certificate is of the old key"):
        await step(lab, admin, "node-host", "retire")
    await set_up(lab, admin, "web")
    assert (await step(lab, admin, "node-host", "retire")).state == "stable"


async def test_two_who_rotate_at_once_take_one_step(lab: AuthorityLab, admin: LabSignIn) -> None:
    await step(lab, admin, "user-ssh", "prepare")
    with pytest.raises(OutOfStep, match="the next step is switch"):
        await step(lab, admin, "user-ssh", "prepare")
    with pytest.raises(OutOfStep):
        await step(lab, admin, "user-ssh", "anything")
    assert await told(lab) == [("user-ssh", "prepared")]


async def test_only_administrators_look_at_rotations_and_take_steps(lab: AuthorityLab) -> None:
    await lab.declare(
        "kind: role\nversion: v8\nmetadata: {name: nodes}\n"
        "spec: {allow: {rules: [{resources: [node], verbs: [list, read, create, update, delete]}]}}\n"
    )
    for roles, refusal in (((), NoRight), (("auditor",), NotAdministrator), (("nodes",), NotAdministrator)):
        who = await lab.signed_in(f"u{len(roles)}{refusal.__name__.lower()}{''.join(roles)}", *roles)
        with pytest.raises(refusal):
            await rotations(lab.services, who.caller)
        with pytest.raises((NoRight, NotAdministrator)):
            await step(lab, who, "user-ssh", "prepare")
    assert len(lab.services.keys.user_ssh) == 1


@pytest.mark.parametrize("purpose", ["checkpoint", "manifest", "x509-root", "totp-sealing", "nothing", ""])
async def test_nothing_else_is_rotated(lab: AuthorityLab, admin: LabSignIn, purpose: str) -> None:
    with pytest.raises(Missing, match="face-host, node-host, session-ssh, user-ssh"):
        await step(lab, admin, purpose, "prepare")


async def test_watch_tells_gateways_of_a_new_key_at_once(lab: AuthorityLab, admin: LabSignIn) -> None:
    before = (await gateway_trust(lab.services, lab.gateway)).trust
    messages = watch(lab.services, lab.gateway, 0)
    assert (await anext(messages)).trust == before
    await step(lab, admin, "user-ssh", "prepare")
    after = (await anext(messages)).trust
    assert after != before
    assert (await gateway_trust(lab.services, lab.gateway)).trust == after


async def test_step_that_a_crash_kept_from_the_log_is_noted_when_the_authority_looks_again(
    lab: AuthorityLab, admin: LabSignIn
) -> None:
    known = await lab.services.signer.public_keys()
    current = known.in_state(Purpose.USER_SSH, KeyState.CURRENT)
    assert current is not None
    await lab.services.signer.rotate_key(
        purpose=Purpose.USER_SSH, step=RotationStep.PREPARE, key_id=current.key_id
    )  # here the authority dies
    assert await told(lab) == []
    await look_at_keys(lab.services)
    (entry,) = await lab.events("authority_key.rotated")
    following = lab.services.keys.user_ssh[-1]
    assert entry.fields == {"kind": "user-ssh", "step": "prepared", "fingerprint": fingerprint(following)}
    assert (str(entry.actor_kind), entry.actor_id) == ("system", "")
    await look_at_keys(lab.services)
    assert len(await told(lab)) == 1
    assert (await standing(lab, admin, "user-ssh")).next_step == "switch"


async def test_signer_that_was_restarted_goes_on_where_the_files_say(lab: AuthorityLab, admin: LabSignIn) -> None:
    await step(lab, admin, "session-ssh", "prepare")
    await step(lab, admin, "session-ssh", "switch")
    ring = open_keys(lab.folder / "keys", KEK, INSTALLATION)
    socket = lab.folder / "signer-2"
    async with running_signer(socket, clock=lab.clock, ring=ring), SignerClient(socket) as signer:
        services = replace(lab.services, signer=signer)
        assert set((await signer.public_keys()).keys) == set((await lab.services.signer.public_keys()).keys)
        stable = await rotate(services, admin.caller, "session-ssh", RotateAuthority("retire"))
    assert stable.state == "stable"
    assert await told(lab) == [("session-ssh", each) for each in ("prepared", "switched", "retired")]


async def test_set_up_records_what_the_answer_carries(lab: AuthorityLab, admin: LabSignIn) -> None:
    node_id: NodeId = await lab.node("web", {"env": "prod"}, verified=False)
    carried = await set_up(lab, admin, "web")
    host = await lab.read(lambda tx: tx.node_hosts.get(node_id))
    assert host is not None
    assert host.session_authorities == tuple(fingerprint(parse_public_key_line(line)) for line in carried)
    assert host.host_authority == fingerprint(lab.services.keys.node_host[0])
