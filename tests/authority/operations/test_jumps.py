"""Jump connections at the authority: the outer sign-in opens nothing, the inner one exactly the node of its face."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.support.authority_lab import OPS, SOURCE, AuthorityLab, LabSignIn
from tests.support.proofs import SignedRequest, face_certificate, new_session_key

from doorward.api.bodies.gateway_calls import Jump, OpenJump, OpenSession, Proof, SessionPlan
from doorward.authority.operations.admission import SessionRefused
from doorward.authority.operations.jumps import JumpRefused, ProofUsed, open_jump
from doorward.authority.operations.proofs import BadProof
from doorward.authority.operations.threshold import ProofUnbound
from doorward.base.errors import Refused
from doorward.domain.identity.sign_in import SIGN_IN_LENGTH_DEFAULT, SignInEnd
from doorward.domain.sessions.jumps import LiveJumps

OWN = "gw.example"
LOCK = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {%s}, message: incident 7}\n"
INNER = "prod-web-01.dw"


@dataclass(frozen=True)
class Scene:
    """bob may go to prod-web-01, which is not critical, and to prod-db-01, which is."""

    lab: AuthorityLab
    bob: LabSignIn

    def face(self, name: str, **changes: Any) -> bytes:
        return face_certificate(self.lab, **{"gateway_id": self.lab.gateway.gateway_id, "name": name, **changes})

    def signed(self, user_name: str, face: bytes | None, **parts: Any) -> Proof:
        request = SignedRequest(self.bob.certificate, user_name, self.lab.entropy.token(32), face)
        return replace(request, **parts).sign(self.bob.key)

    async def jump(self, proof: Proof) -> Jump:
        return await open_jump(self.lab.services, self.lab.gateway, OpenJump(proof, SOURCE))

    async def open(self, proof: Proof, face: bytes | None = None) -> SessionPlan:
        key = new_session_key(self.lab)
        return await self.lab.ask(OpenSession(proof=proof, session_public_key=key, source=SOURCE, face=face))


@pytest.fixture
async def scene(lab: AuthorityLab) -> Scene:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    await lab.node("prod-db-01", {"env": "prod", "criticality": "critical"})
    await lab.node("dev-web-01", {"env": "dev"})
    return Scene(lab, await lab.signed_in("bob", "ops"))


async def test_jump_tells_whose_it_is_until_the_sign_in_ends_and_leaves_no_session(scene: Scene) -> None:
    scene.lab.advance(hours=1)
    jump = await scene.jump(scene.signed("bob", scene.face(OWN)))
    left = SIGN_IN_LENGTH_DEFAULT.total_seconds() - 3600
    assert jump.user_id == scene.bob.caller.user_id
    assert jump.remaining_seconds == pytest.approx(left, abs=1)
    assert await scene.lab.read(lambda tx: list(tx.sessions.live())) == []


async def test_jump_is_known_where_it_lives(scene: Scene) -> None:
    proof = scene.signed("bob", scene.face(OWN))
    jump = await scene.jump(proof)
    gateway_id = scene.lab.gateway.gateway_id
    assert list(await scene.lab.read(lambda tx: tx.jumps.live_of_gateway(gateway_id))) == [jump.jump_id]
    (live,) = await scene.lab.read(lambda tx: tx.jumps.live(tx.now))
    assert live == LiveJumps(gateway_id, scene.bob.caller.user_id, scene.bob.row.id, 1)


@pytest.mark.parametrize("target", ["user: bob", "role: ops", "sign_in: SIGN_IN"])
async def test_jump_is_refused_to_whom_a_lock_names_and_says_so(scene: Scene, target: str) -> None:
    ada = await scene.lab.signed_in("ada", "admin")
    await scene.lab.apply(ada, LOCK % target.replace("SIGN_IN", scene.bob.row.id))
    with pytest.raises(JumpRefused, match="locked: incident 7"):
        await scene.jump(scene.signed("bob", scene.face(OWN)))
    assert [one.fields["reason"] for one in await scene.lab.events("session.refused")] == ["locked"]
    assert await scene.lab.read(lambda tx: tx.jumps.live(tx.now)) == []


@pytest.mark.parametrize("target", ["user: carol", "node: prod-web-01", "user: bob, node: prod-web-01", "login: root"])
async def test_lock_on_something_else_refuses_no_jump(scene: Scene, target: str) -> None:
    ada = await scene.lab.signed_in("ada", "admin")
    await scene.lab.apply(ada, LOCK % target)
    assert (await scene.jump(scene.signed("bob", scene.face(OWN)))).user_id == scene.bob.caller.user_id


async def test_jump_by_an_older_client_stays_too(scene: Scene) -> None:
    assert (await scene.jump(scene.signed("bob", None))).user_id == scene.bob.caller.user_id


async def test_one_proof_opens_one_jump_and_the_second_try_is_the_gateways_fault(scene: Scene) -> None:
    proof = scene.signed("bob", scene.face(OWN))
    await scene.jump(proof)
    with pytest.raises(ProofUsed):
        await scene.jump(proof)
    assert [one.fields["reason"] for one in await scene.lab.events("proof.failed")] == ["proof_used"]


async def test_jump_needs_a_live_sign_in(scene: Scene) -> None:
    await scene.lab.store.write(lambda tx: tx.sign_ins.end(scene.bob.row.id, SignInEnd.SIGNED_OUT, tx.now))
    with pytest.raises(JumpRefused):
        await scene.jump(scene.signed("bob", scene.face(OWN)))
    assert [one.fields["reason"] for one in await scene.lab.events("session.refused")] == ["sign_in_over"]


@pytest.mark.parametrize(("user_name", "name"), [("root@prod-web-01", OWN), ("bob", INNER), ("bob", "other.example")])
async def test_proof_of_a_session_or_of_another_name_opens_no_jump(scene: Scene, user_name: str, name: str) -> None:
    with pytest.raises(BadProof):
        await scene.jump(scene.signed(user_name, scene.face(name)))


async def test_jump_signed_at_another_gateway_opens_nothing_here(scene: Scene) -> None:
    other = await scene.lab.add_gateway("other", "other.example")
    with pytest.raises(BadProof):
        await scene.jump(scene.signed("bob", scene.face(OWN, gateway_id=other.gateway_id)))


async def test_jump_with_a_forged_signature_opens_nothing(scene: Scene) -> None:
    proof = scene.signed("bob", scene.face(OWN))
    with pytest.raises(BadProof):
        await scene.jump(Proof(proof.signed, scene.signed("bob", scene.face(OWN)).signature))


async def test_spent_proofs_are_forgotten_once_their_certificates_have_run_out(scene: Scene) -> None:
    await scene.jump(scene.signed("bob", scene.face(OWN)))
    scene.lab.advance(hours=9)
    again = await scene.lab.sign_in("bob", scene.bob.row.user_id)
    scene = Scene(scene.lab, again)
    await scene.jump(scene.signed("bob", scene.face(OWN)))
    assert await scene.lab.read(lambda tx: tx.connection.exec_driver_sql("SELECT count(*) FROM jumps").scalar()) == 1


async def test_outer_proof_opens_no_session(scene: Scene) -> None:
    with pytest.raises(BadProof):
        await scene.open(scene.signed("dwt-root", scene.face(OWN)))
    with pytest.raises(BadProof):
        await scene.open(scene.signed("dwt-root", scene.face(OWN)), scene.face(INNER))


async def test_face_of_a_node_says_the_node_and_the_name_is_the_account(scene: Scene) -> None:
    plan = await scene.open(scene.signed("dwt-root", scene.face(INNER)))
    assert (plan.node_name, plan.login) == ("prod-web-01", "dwt-root")
    assert (await scene.lab.session(plan.session_id)).proof_kind == "hostbound"


async def test_what_a_gateway_says_of_a_face_is_not_believed_where_one_was_signed(scene: Scene) -> None:
    plan = await scene.open(scene.signed("dwt-root", scene.face(INNER)), scene.face("prod-db-01.dw"))
    assert plan.node_name == "prod-web-01"
    plan = await scene.open(scene.signed("dwt-root@prod-web-01", None), scene.face("prod-db-01.dw"))
    assert plan.node_name == "prod-web-01"


async def test_node_in_the_name_and_in_the_face_at_once_is_refused(scene: Scene) -> None:
    for user_name in ("dwt-root@prod-web-01", "dwt-root@prod-db-01", "@prod-web-01", "dwt-root@"):
        with pytest.raises(BadProof):
            await scene.open(scene.signed(user_name, scene.face(INNER)))


@pytest.mark.parametrize("name", ["prod-web-01", "prod-web-01.other", "a.prod-web-01.dw", "192.0.2.1", "dw"])
async def test_face_that_names_no_node_opens_nothing(scene: Scene, name: str) -> None:
    with pytest.raises(BadProof):
        await scene.open(scene.signed("dwt-root", scene.face(name)))


async def test_inner_proof_of_another_gateway_or_an_old_face_opens_nothing(scene: Scene) -> None:
    other = await scene.lab.add_gateway("other", "other.example")
    with pytest.raises(BadProof):
        await scene.open(scene.signed("dwt-root", scene.face(INNER, gateway_id=other.gateway_id)))
    face = scene.face(INNER)
    scene.lab.advance(minutes=11)
    with pytest.raises(BadProof):
        await scene.open(scene.signed("dwt-root", face))


async def test_unknown_node_is_answered_like_a_forbidden_one(scene: Scene) -> None:
    lines = []
    for node in ("dev-web-01", "no-such-01"):
        with pytest.raises(SessionRefused) as caught:
            await scene.open(scene.signed("dwt-root", scene.face(f"{node}.dw")))
        lines.append(caught.value.message.replace(node, "NODE"))
    assert lines[0] == lines[1]


class TestUnbound:
    """Clients before OpenSSH 8.9 sign no face: its name is the gateway's word, and counts for less."""

    async def test_face_that_was_shown_says_the_node(self, scene: Scene) -> None:
        plan = await scene.open(scene.signed("dwt-root", None), scene.face(INNER))
        assert plan.node_name == "prod-web-01"
        assert (await scene.lab.session(plan.session_id)).proof_kind == "unbound"

    async def test_critical_node_is_refused_and_says_what_to_do(self, scene: Scene) -> None:
        with pytest.raises(ProofUnbound, match=r"OpenSSH 8\.9"):
            await scene.open(scene.signed("dwt-root", None), scene.face("prod-db-01.dw"))
        assert (await scene.open(scene.signed("dwt-root", scene.face("prod-db-01.dw")))).node_name == "prod-db-01"
        assert (await scene.open(scene.signed("dwt-root@prod-db-01", None))).node_name == "prod-db-01"

    async def test_without_a_face_or_with_anothers_nothing_opens(self, scene: Scene) -> None:
        other = await scene.lab.add_gateway("other", "other.example")
        elsewhere = scene.face(INNER, gateway_id=other.gateway_id)
        for face in (None, b"", b"noise", scene.face(OWN), elsewhere, scene.face(INNER, seed=1), scene.bob.certificate):
            with pytest.raises(BadProof):
                await scene.open(scene.signed("dwt-root", None), face)

    async def test_proof_of_a_jump_opens_no_session_and_the_other_way_round(self, scene: Scene) -> None:
        outer = scene.signed("dwt-root", None)
        await scene.jump(outer)
        with pytest.raises(Refused):
            await scene.open(outer, scene.face(INNER))
        inner = scene.signed("dwt-root", None)
        await scene.open(inner, scene.face(INNER))
        with pytest.raises(ProofUsed):
            await scene.jump(inner)
