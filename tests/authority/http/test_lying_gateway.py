"""A gateway that lies, over its own channel: mutual TLS with a real gateway's certificate, and proofs of nothing.

What it gets is no session, and an event that names it. The honest call beside each shows that the lie is what fails.
"""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from tests.support.authority_lab import OPS, LabSignIn
from tests.support.https_lab import Answer, Client, HttpsLab
from tests.support.proofs import SignedRequest, asking, face_certificate, new_session_key

from doorward.api.bodies.gateway_calls import OpenSession, Proof, SessionPlan

WHERE = "dwt-root@prod-web-01"
NOTHING = Proof(b"", b"")


@pytest.fixture
async def bob(https: HttpsLab) -> LabSignIn:
    await https.lab.declare(OPS)
    await https.lab.node("prod-web-01", {"env": "prod"})
    await https.lab.node("prod-db-01", {"env": "prod"})
    return await https.lab.signed_in("bob", "ops")


@pytest.fixture
async def gateway(https: HttpsLab) -> Client:
    return https.gateways(await https.gateway())


async def ask(gateway: Client, wanted: OpenSession) -> Answer:
    return await gateway.ask("POST", "/v1/gateway/sessions", msgspec.json.encode(wanted))


async def plan_of(gateway: Client, wanted: OpenSession) -> SessionPlan:
    answer = await ask(gateway, wanted)
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=SessionPlan)


async def is_a_lie(https: HttpsLab, answer: Answer) -> None:
    """Refused, told of with the gateway's id, and nothing is open."""
    assert (answer.status, answer.code) == (403, "bad_proof")
    (failed,) = await https.lab.events("proof.failed")
    assert failed.subjects["gateway"] == https.lab.gateway.gateway_id
    assert await https.lab.read(lambda tx: list(tx.sessions.live())) == []
    assert await https.lab.events("session.opened") == []


async def test_no_proof(https: HttpsLab, gateway: Client, bob: LabSignIn) -> None:
    wanted = asking(https.lab, bob, WHERE)
    bare = {key: value for key, value in msgspec.to_builtins(wanted).items() if key != "proof"}
    assert (await gateway.post("/v1/gateway/sessions", bare)).status == 400
    await is_a_lie(https, await ask(gateway, msgspec.structs.replace(wanted, proof=NOTHING)))
    await plan_of(gateway, wanted)


async def test_proof_without_its_signature(https: HttpsLab, gateway: Client, bob: LabSignIn) -> None:
    wanted = asking(https.lab, bob, WHERE)
    other = asking(https.lab, bob, WHERE)
    mixed = Proof(wanted.proof.signed, other.proof.signature)
    await is_a_lie(https, await ask(gateway, msgspec.structs.replace(wanted, proof=mixed)))
    await plan_of(gateway, wanted)


async def test_old_proof(https: HttpsLab, gateway: Client, bob: LabSignIn) -> None:
    lab = https.lab
    face = face_certificate(lab, lab.gateway.gateway_id, "gw.example", age=timedelta(minutes=11))
    kept = SignedRequest(bob.certificate, WHERE, lab.entropy.token(32), face).sign(bob.key)
    await is_a_lie(https, await ask(gateway, OpenSession(kept, new_session_key(lab), bob.caller.source)))
    await plan_of(gateway, asking(lab, bob, WHERE, hostbound=True))


async def test_another_nodes_proof(https: HttpsLab, gateway: Client, bob: LabSignIn) -> None:
    """Of a proof for one node nothing makes one for another: neither other bytes, nor another face beside them."""
    lab = https.lab
    wanted = asking(lab, bob, WHERE)
    signed = wanted.proof.signed.replace(b"prod-web-01", b"prod-app-01")
    await is_a_lie(
        https, await ask(gateway, msgspec.structs.replace(wanted, proof=Proof(signed, wanted.proof.signature)))
    )
    beside = face_certificate(lab, lab.gateway.gateway_id, "prod-db-01.dw")
    for proof in (wanted, asking(lab, bob, WHERE, hostbound=True)):
        plan = await plan_of(gateway, msgspec.structs.replace(proof, face=beside))
        assert plan.node_name == "prod-web-01"


async def test_proof_given_to_another_gateway(https: HttpsLab, gateway: Client, bob: LabSignIn) -> None:
    lab = https.lab
    other = await lab.add_gateway("other", "other.example")
    request = SignedRequest(bob.certificate, WHERE, lab.entropy.token(32))
    theirs = replace(request, face=face_certificate(lab, other.gateway_id, "other.example")).sign(bob.key)
    await is_a_lie(https, await ask(gateway, OpenSession(theirs, new_session_key(lab), bob.caller.source)))


async def test_same_proof_twice(https: HttpsLab, gateway: Client, bob: LabSignIn) -> None:
    lab = https.lab
    wanted = asking(lab, bob, WHERE)
    first = await plan_of(gateway, wanted)
    assert (await plan_of(gateway, wanted)).session_id == first.session_id  # a retry: the same key, at once
    again = await ask(gateway, msgspec.structs.replace(wanted, session_public_key=new_session_key(lab)))
    assert (again.status, again.code) == (403, "session_refused")
    lab.advance(seconds=16)
    late = await ask(gateway, wanted)
    assert (late.status, late.code) == (403, "session_refused")
    refused = await lab.events("session.refused")
    assert [(one.fields["reason"], one.subjects["gateway"]) for one in refused] == [
        ("proof_used", lab.gateway.gateway_id)
    ] * 2
    assert len(await lab.read(lambda tx: list(tx.sessions.live()))) == 1


async def test_users_own_certificate_is_no_gateways(https: HttpsLab, bob: LabSignIn) -> None:
    with pytest.raises((OSError, EOFError)):
        await ask(https.gateways(bob), asking(https.lab, bob, WHERE))
    assert (await ask(https.people(bob), asking(https.lab, bob, WHERE))).status in {401, 403, 404}
