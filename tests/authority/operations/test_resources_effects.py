"""What declaring does beyond the rows: moved nodes are cut, and locks keep what they name."""

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import open_as

from doorward.base.errors import Conflict

MOVED = "kind: node\nversion: v1\nmetadata: {name: web, labels: {env: prod}}\nspec: {address: '%s'}\n"


@pytest.fixture
async def admin(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("ada", "admin", "auditor")


async def test_new_address_of_a_node_cuts_what_is_open_there(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.declare(OPS)
    bob = await lab.signed_in("bob", "ops")
    for name in ("web", "db"):
        await lab.node(name, {"env": "prod"})
    plan = await open_as(lab, bob, "dwt-root@web")
    await open_as(lab, bob, "dwt-root@db")
    await lab.apply(admin, MOVED % "192.0.2.80:22")
    assert await lab.cuts() == []
    await lab.apply(admin, MOVED % "192.0.2.81:22")
    assert [(one.session_id, str(one.reason)) for one in await lab.cuts()] == [(plan.session_id, "target_changed")]


class TestLocksTargets:
    LOCK = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {%s}, message: '%s'}\n"

    async def test_what_a_lock_names_does_not_change(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.signed_in("bob")
        await lab.apply(admin, self.LOCK % ("user: bob", "for now"))
        with pytest.raises(Conflict):
            await lab.apply(admin, self.LOCK % ("user: eve", "for now"))
        await lab.apply(admin, self.LOCK % ("user: bob", "for good"))

    async def test_warnings_do_not_say_what_there_is_to_who_may_not_read_it(
        self, lab: AuthorityLab, admin: LabSignIn
    ) -> None:
        await lab.declare(
            "kind: role\nversion: v8\nmetadata: {name: locks}\n"
            "spec: {allow: {rules: [{resources: [lock], verbs: [create]}]}}\n"
        )
        bob = await lab.signed_in("bob", "locks")
        lock = "kind: lock\nversion: v1\nmetadata: {name: %s}\nspec: {target: {user: %s}}\n"
        for name, target in (("one", "zoe"), ("two", "bob-not-there"), ("three", "carol")):
            (change,) = (await lab.apply(bob, lock % (name, target))).changes
            assert change.warnings == []

    async def test_lock_on_what_is_not_there_is_taken_with_a_warning(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        text = self.LOCK % ("user: bbo, role: nil, node: wbe, login: root", "")
        (change,) = (await lab.apply(admin, text)).changes
        assert [one.split(":")[0] for one in change.warnings] == [
            "spec.target.user",
            "spec.target.role",
            "spec.target.node",
        ]

    @pytest.mark.parametrize("target", ["user: bob", "role: ops", "node: web", "login: anybody"])
    async def test_lock_on_what_is_there_warns_of_nothing(
        self, lab: AuthorityLab, admin: LabSignIn, target: str
    ) -> None:
        await lab.declare(OPS)
        await lab.signed_in("bob")
        await lab.node("web")
        (change,) = (await lab.apply(admin, self.LOCK % (target, ""))).changes
        assert change.warnings == []


async def test_disabling_and_enabling_a_user_are_events(lab: AuthorityLab, admin: LabSignIn) -> None:
    user = "kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {disabled: %s, traits: {team: [%s]}}\n"
    bob = await lab.signed_in("bob")
    for disabled, team in (("true", "a"), ("true", "b"), ("false", "b"), ("false", "c")):
        await lab.apply(admin, user % (disabled, team))
    (disabled_event,) = await lab.events("user.disabled")
    (enabled_event,) = await lab.events("user.enabled")
    assert (disabled_event.fields["sign_ins_ended"], disabled_event.fields["user_name"]) == (1, "bob")
    assert disabled_event.subjects["user"] == enabled_event.subjects["user"] == bob.caller.user_id
