"""Nobody gives what they do not hold, and an administrator is left."""

import asyncio

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn

from doorward.authority.giving import GivesTooMuch, LastAdministrator
from doorward.authority.operations.resources import delete_resource
from doorward.base.errors import DoorwardError
from doorward.stores.sql.transaction import SqlTransaction

USER = "kind: user\nversion: v1\nmetadata: {name: %s}\nspec: {roles: [%s]}\n"
ROLE = "kind: role\nversion: v8\nmetadata: {name: %s}\nspec: {allow: {rules: [{resources: [%s], verbs: [%s]}]}}\n"


@pytest.fixture
async def admin(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("ada", "admin", "auditor")


async def state_of(lab: AuthorityLab) -> tuple[object, ...]:
    """Everything that a change could leave behind."""

    def work(tx: SqlTransaction) -> tuple[object, ...]:
        rows = tuple(one for kind in ("user", "role", "node", "lock") for one in tx.resources.list(kind))
        return tx.resources.change_counter(), rows, tx.revocation.current()

    return (await lab.read(work), await lab.log_size())


async def refused(lab: AuthorityLab, who: LabSignIn, text: str, kind: type[DoorwardError]) -> DoorwardError:
    """The apply is refused and leaves nothing behind."""
    before = await state_of(lab)
    with pytest.raises(kind) as caught:
        await lab.apply(who, text)
    assert await state_of(lab) == before
    return caught.value


@pytest.mark.usefixtures("admin")
class TestGiving:
    async def test_role_with_a_right_that_the_giver_lacks_is_refused(self, lab: AuthorityLab) -> None:
        await lab.declare(ROLE % ("roles", "role", "create, update"))
        bob = await lab.signed_in("bob", "roles")
        await refused(lab, bob, ROLE % ("wide", "user", "create"), GivesTooMuch)
        await refused(lab, bob, ROLE % ("roles", "role", "create, update, delete"), GivesTooMuch)
        await lab.apply(bob, ROLE % ("narrow", "role", "create"))

    async def test_lifting_a_prohibition_is_giving(self, lab: AuthorityLab) -> None:
        denies = (
            "kind: role\nversion: v8\nmetadata: {name: fence}\n"
            "spec: {deny: {rules: [{resources: [recording], verbs: [play]}]}}\n"
        )
        await lab.declare(denies + "---\n" + ROLE % ("roles", "role", "create, update, delete"))
        bob = await lab.signed_in("bob", "roles")
        await refused(lab, bob, "kind: role\nversion: v8\nmetadata: {name: fence}\nspec: {}\n", GivesTooMuch)
        with pytest.raises(GivesTooMuch):
            await delete_resource(lab.services, bob.caller, "role", "fence", None)

    async def test_user_with_a_role_that_the_giver_lacks_is_refused(self, lab: AuthorityLab) -> None:
        await lab.declare(ROLE % ("helpdesk", "user", "create, update"))
        bob = await lab.signed_in("bob", "helpdesk")
        await refused(lab, bob, USER % ("eve", "admin"), GivesTooMuch)
        await refused(lab, bob, USER % ("bob", "helpdesk, admin"), GivesTooMuch)
        await lab.apply(bob, USER % ("eve", "helpdesk"))

    async def test_administrator_without_play_appoints_no_auditor(self, lab: AuthorityLab) -> None:
        eve = await lab.signed_in("eve", "admin")
        await refused(lab, eve, USER % ("eve", "admin, auditor"), GivesTooMuch)
        await refused(lab, eve, USER % ("bob", "auditor"), GivesTooMuch)
        await refused(lab, eve, ROLE % ("plays", "recording", "play"), GivesTooMuch)

    async def test_who_holds_both_may_appoint(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.apply(admin, USER % ("bob", "auditor"))

    async def test_what_someone_has_already_is_not_given(self, lab: AuthorityLab) -> None:
        await lab.user("carol", "admin", "auditor")
        await lab.declare(ROLE % ("helpdesk", "user", "create, update"))
        bob = await lab.signed_in("bob", "helpdesk")
        text = "kind: user\nversion: v1\nmetadata: {name: carol, description: moved}\nspec: {roles: [admin, auditor]}\n"
        await lab.apply(bob, text)

    async def test_role_declared_in_the_same_call_may_be_given(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.apply(admin, USER % ("bob", "ops") + "---\n" + OPS)


class TestLastAdministrator:
    async def test_is_kept(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await refused(lab, admin, USER % ("ada", "auditor"), LastAdministrator)
        disabled = "kind: user\nversion: v1\nmetadata: {name: ada}\nspec: {roles: [admin], disabled: true}\n"
        await refused(lab, admin, disabled, LastAdministrator)
        before = await state_of(lab)
        with pytest.raises(LastAdministrator):
            await delete_resource(lab.services, admin.caller, "user", "ada", None)
        assert await state_of(lab) == before

    async def test_may_go_when_there_is_another(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.apply(admin, USER % ("bob", "admin"))
        await delete_resource(lab.services, admin.caller, "user", "ada", None)

    async def test_two_who_remove_each_other_leave_one(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        bob = await lab.signed_in("bob", "admin", "auditor")
        results = await asyncio.gather(
            delete_resource(lab.services, admin.caller, "user", "bob", None),
            delete_resource(lab.services, bob.caller, "user", "ada", None),
            return_exceptions=True,
        )
        assert sum(not isinstance(one, BaseException) for one in results) == 1


LOCK = "kind: lock\nversion: v1\nmetadata: {name: bye}\nspec: {target: {%s}}\n"
LOCKER = ROLE % ("lockers", "lock", "create, update, delete")


class TestLockingAdministratorsOut:
    @pytest.mark.parametrize("target", ["role: admin", "user: ada", "role: auditor", "role: admin, user: ada"])
    async def test_lock_that_leaves_no_administrator_is_refused(
        self, lab: AuthorityLab, admin: LabSignIn, target: str
    ) -> None:
        await lab.declare(LOCKER)
        lola = await lab.signed_in("lola", "lockers")
        await refused(lab, lola, LOCK % target, LastAdministrator)
        await refused(lab, admin, LOCK % target, LastAdministrator)

    async def test_lock_on_one_of_two_administrators_is_taken_and_the_second_is_not(
        self, lab: AuthorityLab, admin: LabSignIn
    ) -> None:
        await lab.declare(LOCKER)
        lola = await lab.signed_in("lola", "lockers")
        await lab.signed_in("eve", "admin")
        await lab.apply(lola, LOCK % "user: ada")
        await refused(lab, lola, (LOCK % "user: eve").replace("bye", "and-you"), LastAdministrator)
        await refused(lab, lola, (LOCK % "role: admin").replace("bye", "all"), LastAdministrator)

    async def test_lock_that_hits_administrators_elsewhere_only_is_taken(
        self, lab: AuthorityLab, admin: LabSignIn
    ) -> None:
        await lab.apply(admin, LOCK % "role: admin, login: root")
