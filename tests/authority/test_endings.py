"""What a change does to sessions that are open: those that lost their ground are cut, the others go on."""

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import SignedRequest, face_certificate, new_session_key, open_as

from doorward.api.bodies.gateway_calls import OpenSession, RenewLease, SessionPlan
from doorward.authority.endings import Ending, cut
from doorward.authority.jobs.leases import look_at_leases
from doorward.authority.operations.contact import renew_lease
from doorward.authority.operations.end_session import end_session
from doorward.authority.operations.resources import delete_resource
from doorward.authority.rights import NoRight
from doorward.base.errors import Invalid, Missing
from doorward.domain.audit.event import SYSTEM
from doorward.domain.sessions.states import EndReason, SessionState
from doorward.stores.sql.transaction import SqlTransaction

WHERE = "dwt-root@prod-web-01"
LOCK = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {%s}, message: incident 7}\n"
USER = "kind: user\nversion: v1\nmetadata: {name: %s}\nspec: {roles: [%s]}\n"
NODE = "kind: node\nversion: v1\nmetadata: {name: prod-web-01, labels: {%s}}\nspec: {address: '%s'}\n"


@pytest.fixture
async def admin(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("ada", "admin", "auditor")


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    await lab.node("prod-db-01", {"env": "prod"})
    return await lab.signed_in("bob", "ops")


async def started(lab: AuthorityLab, who: LabSignIn, where: str = WHERE) -> SessionPlan:
    plan = await open_as(lab, who, where)
    assert await lab.start(plan.session_id)
    return plan


async def was_cut(lab: AuthorityLab, plan: SessionPlan, reason: EndReason) -> str:
    """The session was ordered cut, once, for this reason; answers what its user is told."""
    row = await lab.session(plan.session_id)
    assert (row.state, row.end_reason) == (SessionState.ENDING, reason)
    (order,) = [one for one in await lab.cuts() if one.session_id == plan.session_id]
    assert (order.reason, order.gateway_id) == (reason, lab.gateway.gateway_id)
    assert order.epoch > plan.epoch
    return order.message


async def goes_on(lab: AuthorityLab, plan: SessionPlan) -> None:
    row = await lab.session(plan.session_id)
    assert row.state in {SessionState.OPENING, SessionState.ACTIVE}
    assert plan.session_id not in {one.session_id for one in await lab.cuts()}


@pytest.mark.parametrize(
    "target",
    ["user: bob", "role: ops", "login: dwt-root", "node: prod-web-01", "user: bob, node: prod-web-01"],
)
async def test_lock_cuts_what_it_names(lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn, target: str) -> None:
    plan = await started(lab, bob)
    await lab.apply(admin, LOCK % target)
    assert await was_cut(lab, plan, EndReason.LOCKED) == "locked: incident 7"


async def test_lock_on_a_session_or_sign_in_by_id_cuts_it(lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn) -> None:
    one, other = await started(lab, bob), await started(lab, bob)
    await lab.apply(admin, LOCK % f"session: {one.session_id}")
    await was_cut(lab, one, EndReason.LOCKED)
    await goes_on(lab, other)
    await lab.apply(admin, (LOCK % f"sign_in: {bob.caller.sign_in_id}").replace("stop", "stop-too"))
    await was_cut(lab, other, EndReason.LOCKED)


@pytest.mark.parametrize("target", ["user: carol", "node: prod-db-01", "login: dwt-app", "user: bob, node: prod-db-01"])
async def test_lock_leaves_alone_what_it_does_not_name(
    lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn, target: str
) -> None:
    plan = await started(lab, bob)
    epoch = await lab.epoch()
    await lab.apply(admin, LOCK % target)
    await goes_on(lab, plan)
    assert await lab.epoch() > epoch  # an opening that read the old one was waited for, or waits


async def test_opening_session_is_cut_as_well(lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn) -> None:
    plan = await open_as(lab, bob, WHERE)
    await lab.apply(admin, LOCK % "user: bob")
    await was_cut(lab, plan, EndReason.LOCKED)


async def test_cut_is_in_the_log_with_the_change_that_ordered_it(
    lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
) -> None:
    plan = await started(lab, bob)
    before = await lab.log_size()
    await lab.apply(admin, LOCK % "user: bob")
    events = await lab.events_since(before)
    assert [one.type for one in events] == [
        "resource.created",
        "lock.created",
        "session.cut_ordered",
        "policy.redecided",
    ]
    assert len({one.at for one in events}) == 1
    ordered, redecided = events[2:]
    assert ordered.subjects["session"] == plan.session_id
    assert ordered.actor_id == admin.caller.user_id
    assert (redecided.fields["sessions"], redecided.fields["cut"]) == (1, 1)
    assert redecided.fields["change_counter"] == await lab.read(lambda tx: tx.resources.change_counter())


async def test_expired_lock_cuts_nothing(lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn) -> None:
    plan = await started(lab, bob)
    await lab.apply(admin, (LOCK % "user: bob").replace("message: incident 7", "expires: '2025-12-31T00:00:00Z'"))
    await goes_on(lab, plan)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (USER % ("bob", ""), EndReason.POLICY_CHANGED),
        ("kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {roles: [ops], disabled: true}\n", EndReason.REVOKED),
        (OPS.replace("dwt-root", "dwt-app"), EndReason.POLICY_CHANGED),
        (OPS.replace("env: prod", "env: dev"), EndReason.POLICY_CHANGED),
        (NODE % ("env: dev", "192.0.2.80:22"), EndReason.POLICY_CHANGED),
        (OPS + "  deny: {logins: [dwt-root]}\n", EndReason.POLICY_CHANGED),
        (OPS + "  options: {max_session_ttl: 10m}\n", EndReason.POLICY_CHANGED),
        (OPS + "  options: {record_session: {default: strict}}\n", EndReason.POLICY_CHANGED),
        (OPS + "  options: {require_session_mfa: true}\n", EndReason.POLICY_CHANGED),
        (OPS + "  options: {permit_shell: false}\n", EndReason.POLICY_CHANGED),
    ],
)
async def test_change_that_takes_the_ground_away_cuts(
    lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn, change: str, reason: EndReason
) -> None:
    plan = await started(lab, bob)
    await lab.apply(admin, change)
    await was_cut(lab, plan, reason)


@pytest.mark.parametrize(
    "change",
    [
        OPS.replace("[dwt-root]", "[dwt-root, dwt-app]"),
        OPS.replace("env: prod", "env: [prod, dev]"),
        OPS.replace("{name: ops}", "{name: ops, description: the same}"),
        OPS + "  options: {max_session_ttl: 12h}\n",
        NODE % ("env: prod, team: web", "192.0.2.80:22"),
        USER % ("carol", "ops"),
        USER % ("bob", "ops, reviewer"),
        "kind: node\nversion: v1\nmetadata: {name: other}\nspec: {address: '192.0.2.81:22'}\n",
    ],
)
async def test_change_that_leaves_the_ground_leaves_the_session(
    lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn, change: str
) -> None:
    plan = await started(lab, bob)
    await lab.apply(admin, change)
    await goes_on(lab, plan)


class TestCriticality:
    """A node that becomes critical while sessions are open on it."""

    RISEN = NODE % ("env: prod, criticality: critical", "192.0.2.80:22")

    async def test_session_that_might_go_on_out_of_sight_is_cut_and_says_why(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
    ) -> None:
        plan = await started(lab, bob)
        await lab.apply(admin, self.RISEN)
        assert await was_cut(lab, plan, EndReason.CRITICALITY_RISEN) == "the node is critical now; connect again"

    async def test_session_that_owes_all_of_it_already_goes_on(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
    ) -> None:
        await lab.declare(OPS + "  options: {on_control_loss: cut, lock: cut}\n")
        plan = await started(lab, bob)
        await lab.apply(admin, self.RISEN)
        await goes_on(lab, plan)

    async def test_session_on_a_proof_that_binds_no_node_is_cut(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
    ) -> None:
        await lab.declare(OPS + "  options: {on_control_loss: cut, lock: cut}\n")
        face = face_certificate(lab, gateway_id=lab.gateway.gateway_id, name="prod-web-01.dw")
        proof = SignedRequest(bob.certificate, "dwt-root", lab.entropy.token(32)).sign(bob.key)
        plan = await lab.ask(OpenSession(proof, new_session_key(lab), bob.caller.source, face=face))
        assert (await lab.session(plan.session_id)).proof_kind == "unbound"
        await lab.apply(admin, self.RISEN)
        await was_cut(lab, plan, EndReason.CRITICALITY_RISEN)

    async def test_role_that_becomes_stricter_at_once_is_the_reason(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
    ) -> None:
        plan = await started(lab, bob)
        await lab.declare(OPS + "  options: {permit_shell: false}\n")
        await lab.apply(admin, self.RISEN)
        await was_cut(lab, plan, EndReason.POLICY_CHANGED)

    async def test_session_on_a_node_that_was_critical_all_along_goes_on(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
    ) -> None:
        await lab.declare(self.RISEN)
        plan = await started(lab, bob)
        await lab.apply(admin, USER % ("carol", "ops"))
        await goes_on(lab, plan)


async def test_removed_node_cuts_its_sessions_only(lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn) -> None:
    plan, other = await started(lab, bob), await started(lab, bob, "dwt-root@prod-db-01")
    await delete_resource(lab.services, admin.caller, "node", "prod-web-01", None)
    assert await was_cut(lab, plan, EndReason.TARGET_CHANGED) == "the node was removed"
    await goes_on(lab, other)


async def test_removed_user_loses_every_session(lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn) -> None:
    plan = await started(lab, bob)
    await delete_resource(lab.services, admin.caller, "user", "bob", None)
    await was_cut(lab, plan, EndReason.REVOKED)


async def test_removed_lock_gives_nothing_back_that_was_cut(
    lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
) -> None:
    plan = await started(lab, bob)
    await lab.apply(admin, LOCK % "user: bob")
    await delete_resource(lab.services, admin.caller, "lock", "stop", None)
    await was_cut(lab, plan, EndReason.LOCKED)
    await goes_on(lab, await started(lab, bob))


async def test_session_that_is_ending_is_not_cut_again(lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn) -> None:
    plan = await started(lab, bob)
    await lab.apply(admin, LOCK % "user: bob")
    await lab.apply(admin, (LOCK % "node: prod-web-01").replace("stop", "stop-too"))
    await was_cut(lab, plan, EndReason.LOCKED)


async def test_all_that_one_change_cuts_bears_growing_epochs(
    lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
) -> None:
    plans = [await started(lab, bob) for _ in range(3)]
    before = await lab.epoch()
    await lab.apply(admin, LOCK % "user: bob")
    epochs = [one.epoch for one in await lab.cuts()]
    assert epochs == sorted(epochs)
    assert min(epochs) > before
    assert max(epochs) == await lab.epoch()
    assert {one.session_id for one in await lab.cuts()} == {plan.session_id for plan in plans}


class TestLostGateway:
    """A lost gateway's sessions may go on for a while: whatever ends access must still reach them."""

    async def lost(self, lab: AuthorityLab) -> None:
        live = [one.id for one in await lab.read(lambda tx: tx.sessions.live())]
        await renew_lease(lab.services, lab.gateway, RenewLease([str(one) for one in live]))
        lab.advance(seconds=11)
        await lab.store.write(lambda tx: look_at_leases(tx, frozenset()))

    async def test_lock_is_ordered_for_when_it_is_back(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
    ) -> None:
        plan = await started(lab, bob)
        await self.lost(lab)
        await lab.apply(admin, LOCK % "user: bob")
        await was_cut(lab, plan, EndReason.LOCKED)

    async def test_lock_after_it_came_back_cuts(self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn) -> None:
        plan = await started(lab, bob)
        await self.lost(lab)
        lease = await renew_lease(lab.services, lab.gateway, RenewLease([plan.session_id]))
        assert lease.unknown == []
        await lab.apply(admin, LOCK % "user: bob")
        assert [one.session_id for one in await lab.cuts()] == [plan.session_id]

    async def test_administrator_ends_its_sessions(self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn) -> None:
        plan = await started(lab, bob)
        await self.lost(lab)
        await end_session(lab.services, admin.caller, plan.session_id, "enough")
        assert [one.message for one in await lab.cuts()] == ["enough"]

    async def test_change_that_leaves_the_ground_cuts_nothing(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
    ) -> None:
        plan = await started(lab, bob)
        await self.lost(lab)
        await lab.apply(admin, USER % ("carol", "ops"))
        await goes_on(lab, plan)


class TestEndSession:
    async def test_own_session_is_dropped(self, lab: AuthorityLab, bob: LabSignIn) -> None:
        plan = await started(lab, bob)
        ended = await end_session(lab.services, bob.caller, plan.session_id, "")
        assert ended.state is SessionState.ENDING
        assert await was_cut(lab, plan, EndReason.DROPPED) == "you ended this session"

    async def test_anothers_needs_the_right_and_is_revoked(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
    ) -> None:
        plan = await started(lab, bob)
        eve = await lab.signed_in("eve", "ops", "auditor")
        with pytest.raises(NoRight):
            await end_session(lab.services, eve.caller, plan.session_id, "")
        await goes_on(lab, plan)
        await end_session(lab.services, admin.caller, plan.session_id, "lunch")
        assert await was_cut(lab, plan, EndReason.REVOKED) == "lunch"

    @pytest.mark.parametrize("message", ["a\nb", "\x1b[2J", "\u202eback", "a\u200bb"])
    async def test_message_with_hidden_characters_is_refused(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn, message: str
    ) -> None:
        plan = await started(lab, bob)
        with pytest.raises(Invalid):
            await end_session(lab.services, admin.caller, plan.session_id, message)
        await goes_on(lab, plan)

    async def test_unknown_session_looks_like_anothers(
        self, lab: AuthorityLab, admin: LabSignIn, bob: LabSignIn
    ) -> None:
        with pytest.raises(NoRight):
            await end_session(lab.services, bob.caller, "a" * 26, "")
        with pytest.raises(Missing):
            await end_session(lab.services, admin.caller, "a" * 26, "")
        with pytest.raises(Invalid):
            await end_session(lab.services, admin.caller, "no id", "")

    async def test_ended_session_stays_as_it_ended(self, lab: AuthorityLab, bob: LabSignIn) -> None:
        plan = await started(lab, bob)
        await lab.end(plan.session_id)
        size = await lab.log_size()
        assert (await end_session(lab.services, bob.caller, plan.session_id, "")).end_reason is EndReason.CLOSED
        assert await lab.log_size() == size


async def test_an_ending_advances_the_epoch_once_whatever_it_finds(lab: AuthorityLab, bob: LabSignIn) -> None:
    before = await lab.epoch()
    assert await lab.store.write(lambda tx: cut(Ending.begin(tx), [], EndReason.LOCKED, "", SYSTEM)) == 0
    assert await lab.epoch() == before + 1
    plans = [await started(lab, bob) for _ in range(3)]

    def end_all(tx: SqlTransaction) -> int:
        ending = Ending.begin(tx)
        return sum(cut(ending, [one], EndReason.LOCKED, "", SYSTEM) for one in tx.sessions.live())

    assert await lab.store.write(end_all) == len(plans)
    assert {one.epoch for one in await lab.cuts()} == {before + 2}


async def test_change_without_live_sessions_writes_no_event_of_them(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.apply(admin, OPS)
    assert await lab.events("policy.redecided") == []
