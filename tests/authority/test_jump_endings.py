"""What ends access closes the jump connections that stand on it, on the gateway where they live, and no others."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.support.authority_lab import OPS, SOURCE, AuthorityLab, LabSignIn
from tests.support.proofs import SignedRequest, face_certificate

from doorward.api.bodies.gateway_calls import OpenJump, RenewLease
from doorward.authority.callers import GatewayCaller
from doorward.authority.operations.contact import CUTS_IN_LINE_MAX, UNSEEN_AFTER, renew_lease, watch
from doorward.authority.operations.gateways import disable_gateway
from doorward.authority.operations.jumps import open_jump
from doorward.authority.operations.resources import delete_resource
from doorward.authority.operations.sign_in import sign_out
from doorward.authority.operations.users import reset_user
from doorward.domain.sessions.jumps import JumpCut
from doorward.main.restored import close_all

LOCK = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {%s}, message: incident 7}\n"
DISABLED = "kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {disabled: true, roles: [ops]}\n"


@dataclass(frozen=True)
class Scene:
    lab: AuthorityLab
    ada: LabSignIn
    bob: LabSignIn

    async def jump(self, who: LabSignIn | None = None, gateway: GatewayCaller | None = None) -> str:
        """A jump connection of bob's, or another's; answers its id."""
        who, at = who or self.bob, gateway or self.lab.gateway
        name = "gw.example" if gateway is None else f"{at.name}.example"
        face = face_certificate(self.lab, gateway_id=at.gateway_id, name=name)
        proof = SignedRequest(who.certificate, "somebody", self.lab.entropy.token(32), face).sign(who.key)
        return (await open_jump(self.lab.services, at, OpenJump(proof, SOURCE))).jump_id

    async def orders(self, gateway: GatewayCaller | None = None) -> list[JumpCut]:
        at = gateway or self.lab.gateway
        return list(await self.lab.read(lambda tx: tx.jumps.cuts_after(at.gateway_id, 0)))


@pytest.fixture
async def scene(lab: AuthorityLab) -> Scene:
    await lab.declare(OPS)
    return Scene(lab, await lab.signed_in("ada", "admin"), await lab.signed_in("bob", "ops"))


Ending = Callable[[Scene], Awaitable[object]]
ENDINGS: dict[str, tuple[Ending, str]] = {
    "user locked": (lambda on: on.lab.apply(on.ada, LOCK % "user: bob"), "locked: incident 7"),
    "role locked": (lambda on: on.lab.apply(on.ada, LOCK % "role: ops"), "locked: incident 7"),
    "sign-in locked": (lambda on: on.lab.apply(on.ada, LOCK % f"sign_in: {on.bob.row.id}"), "locked: incident 7"),
    "signed out": (lambda on: sign_out(on.lab.services, on.bob.caller, "current"), "you signed out"),
    "user disabled": (lambda on: on.lab.apply(on.ada, DISABLED), "an administrator ended your sign-in"),
    "user removed": (
        lambda on: delete_resource(on.lab.services, on.ada.caller, "user", "bob", None),
        "an administrator ended your sign-in",
    ),
    "user reset": (
        lambda on: reset_user(on.lab.services, on.ada.caller, "bob"),
        "an administrator ended your sign-in",
    ),
    "gateway disabled": (
        lambda on: disable_gateway(on.lab.services, on.ada.caller, on.lab.gateway.name),
        "the gateway of this session was taken out of service",
    ),
    "restored": (lambda on: on.lab.store.write(close_all), "an administrator ended your sign-in"),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_what_ends_access_closes_jumps(scene: Scene, ending: str) -> None:
    end, message = ENDINGS[ending]
    before, first, second = await scene.lab.epoch(), await scene.jump(), await scene.jump()
    await end(scene)
    orders = await scene.orders()
    assert {(one.jump_id, one.message) for one in orders} == {(first, message), (second, message)}
    now = await scene.lab.epoch()
    assert all(before < one.epoch <= now for one in orders)
    assert await scene.lab.read(lambda tx: tx.jumps.live(tx.now)) == []
    (noted,) = await scene.lab.events("jump.cut_ordered")
    assert (noted.subjects["user"], noted.subjects["sign_in"]) == (scene.bob.caller.user_id, scene.bob.row.id)
    assert noted.fields["connections"] == 2


@pytest.mark.parametrize("target", ["user: carol", "login: dwt-root", "user: bob, login: dwt-root"])
async def test_locks_on_something_else_close_nothing(scene: Scene, target: str) -> None:
    await scene.jump()
    await scene.lab.apply(scene.ada, LOCK % target)
    assert await scene.orders() == []


async def test_each_gateway_closes_its_own_and_another_sign_in_goes_on(scene: Scene) -> None:
    other = await scene.lab.add_gateway("other", "other.example")
    again = await scene.lab.sign_in("bob", scene.bob.row.user_id)
    here, there, stays = await scene.jump(), await scene.jump(gateway=other), await scene.jump(again)
    await sign_out(scene.lab.services, scene.bob.caller, "current")
    assert [one.jump_id for one in await scene.orders()] == [here]
    assert [one.jump_id for one in await scene.orders(other)] == [there]
    assert list(await scene.lab.read(lambda tx: tx.jumps.live_of_gateway(scene.lab.gateway.gateway_id))) == [stays]


async def test_the_watch_stream_says_it_and_a_new_lock_does_not_say_it_again(scene: Scene) -> None:
    jump = await scene.jump()
    await scene.lab.apply(scene.ada, LOCK % "user: bob")
    said = await anext(watch(scene.lab.services, scene.lab.gateway, 0))
    assert [(one.jump_id, one.message) for one in said.jump_cuts] == [(jump, "locked: incident 7")]
    seen = said.epoch
    await scene.lab.apply(scene.ada, (LOCK % "user: bob").replace("stop", "again"))
    said = await anext(watch(scene.lab.services, scene.lab.gateway, seen))
    assert (said.epoch > seen, said.jump_cuts) == (True, [])


async def test_many_orders_take_several_lines_and_the_last_alone_says_the_epoch(scene: Scene) -> None:
    jumps = {await scene.jump() for _ in range(2 * CUTS_IN_LINE_MAX + 1)}
    before = await scene.lab.epoch()
    await scene.lab.apply(scene.ada, LOCK % "user: bob")
    stream = watch(scene.lab.services, scene.lab.gateway, before)
    said = [await anext(stream) for _ in range(3)]
    assert [one.epoch for one in said] == [before, before, await scene.lab.epoch()]
    assert max(len(one.jump_cuts) for one in said) <= CUTS_IN_LINE_MAX
    assert {cut.jump_id for one in said for cut in one.jump_cuts} == jumps


async def test_lease_settles_what_lives_on_either_side(scene: Scene) -> None:
    jump, closed = await scene.jump(), await scene.jump()
    services, gateway = scene.lab.services, scene.lab.gateway
    lease = await renew_lease(services, gateway, RenewLease([], [jump, "not one of ours"]))
    assert lease.unknown_jumps == ["not one of ours"]
    live = await scene.lab.read(lambda tx: tx.jumps.live_of_gateway(gateway.gateway_id))
    assert set(live) == {jump, closed}  # its answer may still be on its way
    scene.lab.advance(seconds=UNSEEN_AFTER / timedelta(seconds=1))
    await renew_lease(services, gateway, RenewLease([], [jump]))
    assert list(await scene.lab.read(lambda tx: tx.jumps.live_of_gateway(gateway.gateway_id))) == [jump]
    await scene.lab.apply(scene.ada, LOCK % "user: bob")
    assert [one.jump_id for one in await scene.orders()] == [jump]
    assert (await renew_lease(services, gateway, RenewLease([], [jump]))).unknown_jumps == [jump]
