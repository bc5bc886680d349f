"""Gateways that lie: nothing that they hand in opens a session unless a user signed for exactly that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.authorities import ed25519_key
from tests.support.authority_lab import OPS, SOURCE, AuthorityLab, LabSignIn
from tests.support.proofs import (
    SignedRequest,
    asking,
    face_certificate,
    new_session_key,
    open_as,
    principal_of,
    signed_certificate,
    user_certificate_fields,
)

from doorward.api.bodies.gateway_calls import OpenSession, Proof
from doorward.authority.gateway_limits import EXPIRED_TOLD, FAILED_PROOFS_MAX, GatewayLimits, GatewayTooFast
from doorward.authority.operations.admission import SessionRefused
from doorward.authority.operations.proofs import BadProof, split_user_name
from doorward.base.errors import Refused
from doorward.base.ids import GatewayId
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.identity.sign_in import SignInEnd
from doorward.wire.ssh.certificate import CertificateFields, CertificateType
from doorward.wire.ssh.fields import encode_text
from doorward.wire.ssh.public_key import ed25519_blob
from doorward.wire.ssh.signature import Signature, encode_signature

WHERE = "dwt-root@prod-web-01"


@dataclass(frozen=True)
class Scene:
    """bob may go to prod-web-01; the gateway has what he signed there."""

    lab: AuthorityLab
    bob: LabSignIn

    def wanted(self, proof: Proof) -> OpenSession:
        return OpenSession(proof=proof, session_public_key=new_session_key(self.lab), source=SOURCE)

    def request(self, user_name: str = WHERE, **parts: Any) -> SignedRequest:
        plain = SignedRequest(self.bob.certificate, user_name, self.lab.entropy.token(32))
        return replace(plain, **parts)

    def signed(self, user_name: str = WHERE, **parts: Any) -> Proof:
        return self.request(user_name, **parts).sign(self.bob.key)

    def certified(self, purpose: Purpose = Purpose.USER_SSH, seed: int = 0, **changes: Any) -> Proof:
        """Signed with a certificate that was made by hand."""
        fields: CertificateFields = replace(user_certificate_fields(self.lab, self.bob), **changes)
        return self.signed(certificate=signed_certificate(fields, purpose, seed))

    async def refused(self, proof: Proof) -> Refused:
        """The proof opens nothing, says nothing, and the log names the gateway."""
        before = await self.lab.log_size()
        limits = GatewayLimits(self.lab.clock)  # a gateway that lies this often would be shut out before it is heard
        self.lab.services = replace(self.lab.services, gateway_limits=limits)
        with pytest.raises(Refused) as caught:
            await self.lab.ask(self.wanted(proof))
        assert await self.lab.read(lambda tx: list(tx.sessions.live())) == []
        noted = await self.lab.events_since(before)
        assert noted[-1].type in {"proof.failed", "session.refused"}
        assert {one.subjects["gateway"] for one in noted} == {self.lab.gateway.gateway_id}
        return caught.value

    async def bad(self, proof: Proof) -> str:
        """Refused as a proof that does not hold; answers the reason in the log."""
        before = await self.lab.log_size()
        error = await self.refused(proof)
        assert isinstance(error, BadProof)
        assert error.message == "opening a session: the proof does not hold"
        (noted,) = await self.lab.events_since(before)
        assert noted.type == "proof.failed"
        return str(noted.fields["reason"])


@pytest.fixture
async def scene(lab: AuthorityLab) -> Scene:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    await lab.node("prod-db-01", {"env": "prod"})
    return Scene(lab, await lab.signed_in("bob", "ops"))


async def test_honest_proof_opens(scene: Scene) -> None:
    assert (await scene.lab.ask(scene.wanted(scene.signed()))).user_name == "bob"


async def test_hand_made_certificate_of_the_right_shape_opens(scene: Scene) -> None:
    """So that the refusals below are refused for what they change, and for nothing else."""
    assert (await scene.lab.ask(scene.wanted(scene.certified()))).user_name == "bob"


async def test_no_proof_opens_nothing(scene: Scene) -> None:
    await scene.bad(Proof(b"", b""))


async def test_garbage_opens_nothing(scene: Scene) -> None:
    await scene.bad(Proof(b"\x00\x01garbage", b"\xff" * 64))


async def test_proof_of_a_bare_key_opens_nothing(scene: Scene) -> None:
    signed = scene.signed().signed
    blob = ed25519_blob(scene.bob.key.public_key().public_bytes_raw())
    cut = signed[: signed.index(encode_text("ssh-ed25519-cert-v01@openssh.com"))]
    bare = cut + encode_text("ssh-ed25519") + len(blob).to_bytes(4, "big") + blob
    signature = encode_signature(Signature("ssh-ed25519", scene.bob.key.sign(bare)))
    await scene.bad(Proof(bare, signature))


async def test_offer_without_a_signature_opens_nothing(scene: Scene) -> None:
    proof = scene.signed()
    marker = encode_text("publickey") + b"\x01"
    offer = proof.signed.replace(marker, encode_text("publickey") + b"\x00")
    assert offer != proof.signed
    await scene.bad(Proof(offer, encode_signature(Signature("ssh-ed25519", scene.bob.key.sign(offer)))))


async def test_signature_of_another_key_opens_nothing(scene: Scene) -> None:
    await scene.bad(scene.request().sign(ed25519_key(5555)[0]))


async def test_signature_over_other_bytes_opens_nothing(scene: Scene) -> None:
    await scene.bad(Proof(scene.signed().signed, scene.signed("dwt-root@prod-db-01").signature))


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"prod-web-01", b"prod-db-001"), (b"prod-web-01", b"prod-web-02"), (b"dwt-root", b"dwt-app1")],
)
async def test_name_swapped_in_the_signed_bytes_breaks_the_signature(scene: Scene, before: bytes, after: bytes) -> None:
    proof = scene.signed()
    await scene.bad(Proof(proof.signed.replace(before, after), proof.signature))


async def test_session_id_swapped_in_the_signed_bytes_breaks_the_signature(scene: Scene) -> None:
    proof = scene.signed(session_id=b"a" * 32)
    await scene.bad(Proof(proof.signed.replace(b"a" * 32, b"b" * 32), proof.signature))


async def test_proof_opens_the_node_that_was_signed_whatever_else_is_known(scene: Scene) -> None:
    plan = await scene.lab.ask(scene.wanted(scene.signed("dwt-root@prod-db-01")))
    assert plan.node_name == "prod-db-01"


async def test_proof_with_an_expired_certificate_opens_nothing(scene: Scene) -> None:
    proof = scene.signed()
    scene.lab.advance(hours=8)
    assert await scene.bad(proof) == "certificate_expired"


async def test_a_user_who_waits_at_the_prompt_until_the_sign_in_is_over_shuts_nobody_out(scene: Scene) -> None:
    """The gateway hands over again, with the code, what was signed in time: no lie of its; the log hears of some."""
    proof = scene.signed()
    scene.lab.advance(hours=8, seconds=150)
    for _ in range(2 * FAILED_PROOFS_MAX):
        with pytest.raises(BadProof):
            await scene.lab.ask(scene.wanted(proof))
    assert len(await scene.lab.events("proof.failed")) == EXPIRED_TOLD.burst
    carol = await scene.lab.signed_in("carol", "ops")
    assert (await open_as(scene.lab, carol, "dwt-root@prod-web-01")).node_name == "prod-web-01"


@pytest.mark.parametrize("late", [timedelta(seconds=150), timedelta(minutes=5)])
async def test_a_forged_proof_counts_and_so_does_an_old_one_however_its_certificate_ended(
    scene: Scene, late: timedelta
) -> None:
    proof, is_old = scene.signed(), late > timedelta(minutes=4)
    flipped = proof.signature[:-1] + bytes([proof.signature[-1] ^ 1])
    scene.lab.advance(hours=8, seconds=late.total_seconds())
    for _ in range(FAILED_PROOFS_MAX):
        with pytest.raises(BadProof):
            await scene.lab.ask(scene.wanted(proof if is_old else msgspec.structs.replace(proof, signature=flipped)))
    with pytest.raises(GatewayTooFast):
        await scene.lab.ask(scene.wanted(proof))


async def test_proof_with_a_certificate_of_the_future_opens_nothing(scene: Scene) -> None:
    fields = user_certificate_fields(scene.lab, scene.bob)
    later: dict[str, Any] = {"valid_after": fields.valid_after + 3600, "valid_before": fields.valid_before + 3600}
    assert await scene.bad(scene.certified(**later)) == "certificate_not_yet_valid"


async def test_proof_of_an_ended_sign_in_opens_nothing(scene: Scene) -> None:
    proof = scene.signed()
    await scene.lab.store.write(lambda tx: tx.sign_ins.end(scene.bob.row.id, SignInEnd.SIGNED_OUT, tx.now))
    before = await scene.lab.log_size()
    await scene.refused(proof)
    (noted,) = await scene.lab.events_since(before)
    assert (noted.type, noted.fields["reason"]) == ("session.refused", "sign_in_over")


async def test_certificate_whose_serial_nobody_was_given_opens_nothing(scene: Scene) -> None:
    await scene.refused(scene.certified(serial=12345))


async def test_serial_of_another_sign_in_opens_nothing(scene: Scene) -> None:
    other = await scene.lab.signed_in("carol", "ops")
    await scene.refused(scene.certified(serial=other.row.ssh_serial))


async def test_certificate_for_another_user_on_ones_own_sign_in_opens_nothing(scene: Scene) -> None:
    carol = await scene.lab.signed_in("carol", "ops")
    await scene.refused(scene.certified(principals=(principal_of(carol),)))


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("certificate_wrong_principals", lambda own: {"principals": ()}),
        ("certificate_wrong_principals", lambda own: {"principals": ("",)}),
        ("certificate_wrong_principals", lambda own: {"principals": (own, own)}),
        ("certificate_wrong_principals", lambda own: {"principals": (own, "dwu:" + "a" * 26)}),
        ("certificate_wrong_principals", lambda own: {"principals": ("root",)}),
        ("certificate_wrong_principals", lambda own: {"principals": ("*",)}),
        ("certificate_wrong_type", lambda own: {"type": CertificateType.HOST}),
        ("certificate_unknown_critical_option", lambda own: {"critical_options": (("verify-required", b""),)}),
        (
            "certificate_unknown_critical_option",
            lambda own: {"critical_options": (("force-command", encode_text("id")),)},
        ),
        ("certificate_wrong_key_id", lambda own: {"key_id": "bob@example.com"}),
        ("certificate_lifetime_too_long", lambda own: {"valid_before": (1 << 64) - 1}),
    ],
)
async def test_certificate_of_another_shape_opens_nothing(
    scene: Scene, reason: str, changes: Callable[[str], dict[str, Any]]
) -> None:
    assert await scene.bad(scene.certified(**changes(principal_of(scene.bob)))) == reason


async def test_certificate_of_another_authority_opens_nothing(scene: Scene) -> None:
    assert await scene.bad(scene.certified(seed=1)) == "certificate_untrusted_authority"


@pytest.mark.parametrize("purpose", [Purpose.SESSION_SSH, Purpose.NODE_HOST, Purpose.FACE_HOST])
async def test_certificate_of_another_direction_opens_nothing(scene: Scene, purpose: Purpose) -> None:
    assert await scene.bad(scene.certified(purpose)) == "certificate_untrusted_authority"


class TestHostbound:
    """The face that the user saw must be this gateway's, for one of its names, and fresh."""

    def face(self, scene: Scene, **changes: Any) -> bytes:
        parts: dict[str, Any] = {"gateway_id": scene.lab.gateway.gateway_id, "name": "gw.example", **changes}
        return face_certificate(scene.lab, **parts)

    async def test_own_face_opens(self, scene: Scene) -> None:
        plan = await scene.lab.ask(scene.wanted(scene.signed(face=self.face(scene))))
        assert (await scene.lab.session(plan.session_id)).proof_kind == "hostbound"

    async def test_face_of_another_gateway_opens_nothing(self, scene: Scene) -> None:
        other = await scene.lab.add_gateway("other", "other.example")
        await scene.bad(scene.signed(face=self.face(scene, gateway_id=other.gateway_id)))

    async def test_face_with_a_name_that_is_not_the_gateways_opens_nothing(self, scene: Scene) -> None:
        await scene.bad(scene.signed(face=self.face(scene, name="prod-web-01.dw")))
        await scene.bad(scene.signed(face=self.face(scene, name="other.example")))

    async def test_old_face_opens_nothing(self, scene: Scene) -> None:
        proof = scene.signed(face=self.face(scene, age=timedelta(minutes=10, seconds=1)))
        assert await scene.bad(proof) == "certificate_expired"

    async def test_face_of_another_authority_opens_nothing(self, scene: Scene) -> None:
        await scene.bad(scene.signed(face=self.face(scene, seed=1)))

    async def test_user_certificate_as_face_opens_nothing(self, scene: Scene) -> None:
        await scene.bad(scene.signed(face=scene.bob.certificate))

    async def test_bare_host_key_as_face_opens_nothing(self, scene: Scene) -> None:
        await scene.bad(scene.signed(face=ed25519_key(31)[1]))

    async def test_empty_face_opens_nothing(self, scene: Scene) -> None:
        await scene.bad(scene.signed(face=b""))

    async def test_gateway_that_is_not_there_any_more_has_no_names(self, scene: Scene) -> None:
        wanted = scene.wanted(scene.signed(face=self.face(scene)))
        gone = replace(scene.lab.gateway, gateway_id=GatewayId("a" * 26))
        with pytest.raises(BadProof):
            await scene.lab.ask(wanted, gone)


async def test_truncated_proofs_open_nothing(scene: Scene) -> None:
    proof = scene.signed()
    for length in range(0, len(proof.signed), 37):
        await scene.bad(Proof(proof.signed[:length], proof.signature))
    for length in range(0, len(proof.signature), 9):
        await scene.bad(Proof(proof.signed, proof.signature[:length]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(min_value=0, max_value=0.999999), bit=st.integers(0, 7), in_signature=st.booleans())
async def test_any_flipped_bit_opens_nothing(scene: Scene, place: float, bit: int, in_signature: bool) -> None:
    proof = scene.signed(session_id=b"f" * 32)
    data = bytearray(proof.signature if in_signature else proof.signed)
    data[int(place * len(data))] ^= 1 << bit
    lie = Proof(proof.signed, bytes(data)) if in_signature else Proof(bytes(data), proof.signature)
    await scene.bad(lie)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signed=st.binary(max_size=300), signature=st.binary(max_size=100))
async def test_noise_opens_nothing(scene: Scene, signed: bytes, signature: bytes) -> None:
    await scene.bad(Proof(signed, signature))


@pytest.mark.parametrize("name", ["", "@", "root", "root@", "@prod-web-01", "x" * 256, "a" * 200 + "@" + "b" * 60])
async def test_name_that_says_no_account_and_node_opens_nothing(scene: Scene, name: str) -> None:
    assert not isinstance(await scene.refused(scene.signed(name)), BadProof) or "@" not in name


IMPOSSIBLE = ("@", "@x", "@prod-web-01", "root@", "a" * 300 + "@prod-web-01")


async def test_users_with_impossible_names_do_not_shut_their_gateway(scene: Scene) -> None:
    """Whoever signs in can sign any name: it is refused like a name that is not there, and is no lie of the gateway."""
    size = await scene.lab.log_size()
    for _ in range(FAILED_PROOFS_MAX // len(IMPOSSIBLE) + 1):
        for name in IMPOSSIBLE:
            with pytest.raises(SessionRefused):
                await scene.lab.ask(scene.wanted(scene.signed(name)))
    await scene.lab.ask(scene.wanted(scene.signed()))
    noted = {one.type for one in await scene.lab.events_since(size)}
    assert "session.refused" in noted
    assert "proof.failed" not in noted


@pytest.mark.parametrize("name", ["", "x" * 256])
async def test_impossible_name_under_a_nodes_face_is_no_lie_either(scene: Scene, name: str) -> None:
    face = face_certificate(scene.lab, gateway_id=scene.lab.gateway.gateway_id, name="prod-web-01.dw")
    for _ in range(FAILED_PROOFS_MAX + 1):
        with pytest.raises(SessionRefused):
            await scene.lab.ask(scene.wanted(scene.signed(name, face=face)))
    await scene.lab.ask(scene.wanted(scene.signed()))


async def test_certificate_that_lapsed_on_the_way_is_no_lie(scene: Scene) -> None:
    before = int(scene.lab.clock.now().timestamp())
    for over, is_counted in ((1, False), (200, False), (300, True)):
        lapsed = scene.certified(valid_after=before - 3600, valid_before=before - over)
        for _ in range(FAILED_PROOFS_MAX):
            with pytest.raises(BadProof):
                await scene.lab.ask(scene.wanted(lapsed))
        if is_counted:
            with pytest.raises(GatewayTooFast):
                await scene.lab.ask(scene.wanted(scene.signed()))
        else:
            await scene.lab.ask(scene.wanted(scene.signed()))


@pytest.mark.parametrize("name", ["root\n@prod-web-01", "root@prod-web-01\n", "root@PROD-WEB-01", "root@prod-web-01."])
async def test_odd_names_find_no_node(scene: Scene, name: str) -> None:
    await scene.refused(scene.signed(name))


@given(
    login=st.text(min_size=1, max_size=80), node=st.text(min_size=1, max_size=80).filter(lambda text: "@" not in text)
)
def test_names_are_split_at_the_last_at(login: str, node: str) -> None:
    assert split_user_name(f"{login}@{node}") == (login, node)


@given(name=st.text(max_size=300))
def test_any_name_is_split_or_leads_to_no_node(name: str) -> None:
    login, node = split_user_name(name)
    assert "@" not in node
    if node:
        assert f"{login}@{node}" == name
        assert login
    else:
        assert name.startswith(login)


async def test_honest_request_is_what_the_lies_start_from(scene: Scene) -> None:
    """The builder itself: what `asking` sends differs from a lie by nothing but the lie."""
    assert (await scene.lab.ask(asking(scene.lab, scene.bob, WHERE))).login == "dwt-root"


async def test_gateway_that_keeps_lying_is_shut_out_and_the_others_are_not(scene: Scene) -> None:
    other = await scene.lab.add_gateway("other", "other.example")
    lie = Proof(scene.signed().signed, b"")
    for _ in range(FAILED_PROOFS_MAX):
        with pytest.raises(BadProof):
            await scene.lab.ask(scene.wanted(lie))
    with pytest.raises(GatewayTooFast):
        await scene.lab.ask(scene.wanted(scene.signed()))
    await scene.lab.ask(scene.wanted(scene.signed()), other)
    scene.lab.advance(seconds=60)
    await scene.lab.ask(scene.wanted(scene.signed()))
