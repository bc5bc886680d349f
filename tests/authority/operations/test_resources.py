"""Declaring things: whole or not at all, by those who may, and never more than the giver holds."""

import asyncio
import json
import threading
from typing import Any

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.enrolments import add_factor, add_password, invite

from doorward.api.bodies.resources import Apply, SourceFile
from doorward.authority import policy
from doorward.authority.changes import StillHeld, UnknownRole
from doorward.authority.operations.resources import (
    StaleRevision,
    apply,
    delete_resource,
    get_resource,
    list_resources,
    parse_files,
)
from doorward.authority.policy import PolicyView
from doorward.authority.rights import NoRight
from doorward.base.errors import DoorwardError, Invalid, Missing
from doorward.base.ids import UserId
from doorward.domain.kinds.positioned import InvalidDocuments
from doorward.stores.sql.transaction import SqlTransaction

NODE = "kind: node\nversion: v1\nmetadata: {name: %s, labels: {env: prod}}\nspec: {address: '192.0.2.80:22'}\n"
USER = "kind: user\nversion: v1\nmetadata: {name: %s}\nspec: {roles: [%s]}\n"
ROLE = "kind: role\nversion: v8\nmetadata: {name: %s}\nspec: {allow: {rules: [{resources: [%s], verbs: [%s]}]}}\n"


@pytest.fixture
async def admin(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("ada", "admin", "auditor")


async def state_of(lab: AuthorityLab) -> tuple[object, ...]:
    """Everything that a change could leave behind; the epoch apart, which advances before anything is looked at."""

    def work(tx: SqlTransaction) -> tuple[object, ...]:
        rows = tuple(one for kind in ("user", "role", "node", "lock") for one in tx.resources.list(kind))
        return tx.resources.change_counter(), rows

    return (await lab.read(work), await lab.log_size())


@pytest.fixture
def read_in(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads in which documents were read."""
    threads: list[int] = []

    def noting(files: list[SourceFile]) -> Any:
        threads.append(threading.get_ident())
        return parse_files(files)

    monkeypatch.setattr("doorward.authority.operations.resources.parse_files", noting)
    return threads


async def refused(lab: AuthorityLab, who: LabSignIn, text: str, kind: type[DoorwardError]) -> DoorwardError:
    """The apply is refused and leaves nothing behind."""
    before = await state_of(lab)
    with pytest.raises(kind) as caught:
        await lab.apply(who, text)
    assert await state_of(lab) == before
    return caught.value


async def test_new_things_are_created_with_their_events(lab: AuthorityLab, admin: LabSignIn) -> None:
    before = await lab.log_size()
    applied = await lab.apply(admin, OPS + "---\n" + NODE % "web" + "---\n" + USER % ("bob", "ops"))
    assert [(one.kind, one.name, one.revision, one.action) for one in applied.changes] == [
        ("role", "ops", 1, "created"),
        ("node", "web", 1, "created"),
        ("user", "bob", 1, "created"),
    ]
    created = await lab.events_since(before)
    assert [one.type for one in created] == ["resource.created"] * 3
    assert created[1].subjects["node"] == applied.changes[1].id
    assert created[2].subjects["user"] == applied.changes[2].id
    assert {one.actor_id for one in created} == {admin.caller.user_id}


async def test_new_user_is_a_person(lab: AuthorityLab, admin: LabSignIn) -> None:
    applied = await lab.apply(admin, USER % ("bob", ""))
    user_id = UserId(applied.changes[0].id)
    assert await lab.read(lambda tx: tx.persons.of_user(user_id)) is not None


async def test_same_document_again_changes_nothing(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.apply(admin, OPS)
    before = await state_of(lab)
    applied = await lab.apply(admin, OPS)
    assert [(one.action, one.revision) for one in applied.changes] == [("unchanged", 1)]
    assert await state_of(lab) == before


async def test_one_wrong_document_leaves_nothing_of_the_others(lab: AuthorityLab, admin: LabSignIn) -> None:
    error = await refused(lab, admin, NODE % "web" + "---\n" + USER % ("bob", "no-such-role"), UnknownRole)
    assert isinstance(error, UnknownRole)
    assert [(one.file, one.line, one.field) for one in error.problems] == [("lab.yaml", 9, "spec.roles")]


async def test_stale_document_leaves_nothing_of_the_others(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.apply(admin, OPS)
    stale = OPS.replace("{name: ops}", "{name: ops, revision: 7}").replace("dwt-root", "root")
    await refused(lab, admin, NODE % "web" + "---\n" + stale, StaleRevision)


async def test_revision_that_was_read_must_be_the_one_that_is_there(lab: AuthorityLab, admin: LabSignIn) -> None:
    def at(revision: int, login: str) -> str:
        return OPS.replace("{name: ops}", f"{{name: ops, revision: {revision}}}").replace("dwt-root", login)

    await refused(lab, admin, at(1, "root"), StaleRevision)
    await lab.apply(admin, at(0, "root"))
    applied = await lab.apply(admin, at(1, "deploy"))
    assert [(one.action, one.revision) for one in applied.changes] == [("updated", 2)]
    await refused(lab, admin, at(1, "other"), StaleRevision)


async def test_two_editors_of_one_revision_are_not_both_heard(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.apply(admin, OPS)
    texts = [
        OPS.replace("{name: ops}", "{name: ops, revision: 1}").replace("dwt-root", f"login{number}")
        for number in range(6)
    ]
    results = await asyncio.gather(*(lab.apply(admin, text) for text in texts), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in results) == 1
    assert all(isinstance(one, StaleRevision) for one in results if isinstance(one, BaseException))


async def test_every_problem_of_every_file_is_told_with_its_place(lab: AuthorityLab, admin: LabSignIn) -> None:
    files = [
        SourceFile("one.yaml", NODE % "web" + "---\n" + (NODE % "db").replace("address", "adress")),
        SourceFile("two.yaml", OPS.replace("logins", "login")),
        SourceFile("three.yaml", "kind: [\n"),
    ]
    before = await state_of(lab)
    with pytest.raises(InvalidDocuments) as caught:
        await apply(lab.services, admin.caller, Apply(files))
    assert {problem.file for problem in caught.value.problems} == {"one.yaml", "two.yaml", "three.yaml"}
    assert all(problem.line > 0 for problem in caught.value.problems)
    assert any(problem.field == "spec.adress" and problem.line == 9 for problem in caught.value.problems)
    assert await state_of(lab) == before


def test_one_thing_may_stand_in_one_file_only() -> None:
    with pytest.raises(InvalidDocuments) as caught:
        parse_files([SourceFile("one.yaml", NODE % "web"), SourceFile("two.yaml", "---\n" + NODE % "web")])
    (problem,) = caught.value.problems
    assert (problem.file, problem.field) == ("two.yaml", "metadata.name")
    assert "one.yaml:1" in problem.message


def test_too_many_documents_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.authority.operations.resources.DOCUMENTS_MAX", 3)
    files = [SourceFile(f"{number}.yaml", NODE % f"web{number}") for number in range(4)]
    with pytest.raises(Invalid):
        parse_files(files)
    assert len(parse_files(files[:3])) == 3


async def test_nothing_is_read_of_who_may_declare_nothing(lab: AuthorityLab, read_in: list[int]) -> None:
    nobody = await lab.signed_in("nobody")
    auditor = await lab.signed_in("eve", "auditor")
    for who in (nobody, auditor):
        await refused(lab, who, "kind: [", NoRight)
    assert read_in == []


async def test_documents_are_read_beside_the_event_loop(
    lab: AuthorityLab, admin: LabSignIn, read_in: list[int]
) -> None:
    await lab.apply(admin, OPS)
    (thread,) = read_in
    assert thread != threading.get_ident()


async def test_too_many_bytes_are_refused_unread(
    lab: AuthorityLab, admin: LabSignIn, read_in: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorward.authority.operations.resources.BYTES_MAX", 1000)
    with pytest.raises(Invalid):
        await apply(lab.services, admin.caller, Apply([SourceFile(str(n), "#" * 300) for n in range(4)]))
    assert read_in == []


class TestDryRun:
    async def test_tells_what_would_change_and_stores_nothing(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.apply(admin, OPS)
        before = await state_of(lab)
        applied = await lab.apply(admin, OPS.replace("dwt-root", "root") + "---\n" + NODE % "web", dry_run=True)
        assert [(one.name, one.action, one.revision) for one in applied.changes] == [
            ("ops", "updated", 2),
            ("web", "created", 1),
        ]
        assert await state_of(lab) == before

    async def test_is_refused_like_the_change_itself(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        bob = await lab.signed_in("bob")
        with pytest.raises(NoRight):
            await lab.apply(bob, OPS, dry_run=True)
        with pytest.raises(UnknownRole):
            await lab.apply(admin, USER % ("carol", "no-such-role"), dry_run=True)

    async def test_cuts_no_session(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        lock = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}}\n"
        epoch = await lab.epoch()
        await lab.apply(admin, lock, dry_run=True)
        assert await lab.epoch() == epoch
        assert (await lab.apply(admin, OPS)).changes

    async def test_what_was_rehearsed_is_never_decided_upon(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        """Views are kept by the change counter: a view of rolled back changes must not stand under a number."""
        await lab.apply(admin, NODE % "web" + "---\n" + USER % ("bob", "admin"), dry_run=True)
        view = await lab.read(lab.services.policy.view)
        assert "bob" not in view.user_names
        assert lab.services.policy._views
        assert all("bob" not in kept.user_names for kept in lab.services.policy._views.values())


class TestRights:
    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            ("node", NODE % "web"),
            ("user", USER % ("carol", "")),
            ("role", OPS),
            ("lock", "kind: lock\nversion: v1\nmetadata: {name: l}\nspec: {target: {user: zoe}}\n"),
        ],
    )
    async def test_each_kind_needs_its_own_right(
        self, lab: AuthorityLab, admin: LabSignIn, kind: str, text: str
    ) -> None:
        others = ", ".join(sorted({"node", "user", "role", "lock"} - {kind}))
        await lab.declare(ROLE % ("others", others, "create, update, delete, list, read"))
        await lab.declare(ROLE % ("reads", kind, "list, read"))
        bob = await lab.signed_in("bob", "others", "reads")
        await refused(lab, bob, text, NoRight)
        await lab.apply(admin, text)
        name = text.split("name: ")[1].split("}", maxsplit=1)[0].split(",", maxsplit=1)[0]
        with pytest.raises(NoRight):
            await delete_resource(lab.services, bob.caller, kind, name, None)
        assert (await get_resource(lab.services, bob.caller, kind, name)).name == name
        for other in sorted({"node", "user", "role", "lock"} - {kind}):
            await list_resources(lab.services, bob.caller, other)

    async def test_nobody_without_rights_reads_or_lists(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        bob = await lab.signed_in("bob")
        await lab.apply(admin, OPS)
        for kind in ("user", "role", "node", "lock", "oidc_connector"):
            with pytest.raises(NoRight):
                await list_resources(lab.services, bob.caller, kind)
            with pytest.raises(NoRight):
                await get_resource(lab.services, bob.caller, kind, "ops")

    async def test_right_to_create_is_no_right_to_update(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.declare(ROLE % ("creates", "node", "create"))
        bob = await lab.signed_in("bob", "creates")
        await lab.apply(bob, NODE % "web")
        await refused(lab, bob, (NODE % "web").replace("prod", "dev"), NoRight)

    async def test_deny_rule_wins(self, lab: AuthorityLab) -> None:
        await lab.declare(
            "kind: role\nversion: v8\nmetadata: {name: not-nodes}\n"
            "spec: {deny: {rules: [{resources: [node], verbs: [create]}]}}\n"
        )
        bob = await lab.signed_in("bob", "admin", "not-nodes")
        await refused(lab, bob, NODE % "web", NoRight)

    async def test_rights_are_those_from_before_the_change(self, lab: AuthorityLab) -> None:
        """Who may change roles does not win the right to nodes by writing it first in the same call."""
        await lab.declare(ROLE % ("roles", "role, user", "create, update"))
        bob = await lab.signed_in("bob", "roles")
        wider = ROLE % ("roles", "role, user, node", "create, update")
        await refused(lab, bob, wider + "---\n" + NODE % "web", NoRight)


class TestRemoving:
    async def test_who_may_not_read_users_does_not_learn_who_holds_a_role(
        self, lab: AuthorityLab, admin: LabSignIn
    ) -> None:
        await lab.apply(admin, OPS + "---\n" + USER % ("zoe", "ops"))
        await lab.declare(ROLE % ("removes", "role", "delete"))
        bob = await lab.signed_in("bob", "removes")
        with pytest.raises(StillHeld) as caught:
            await delete_resource(lab.services, bob.caller, "role", "ops", None)
        assert "zoe" not in caught.value.message
        with pytest.raises(StillHeld, match="user zoe still holds role ops"):
            await delete_resource(lab.services, admin.caller, "role", "ops", None)

    async def test_held_role_stays(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.apply(admin, OPS + "---\n" + USER % ("bob", "ops"))
        with pytest.raises(StillHeld):
            await delete_resource(lab.services, admin.caller, "role", "ops", None)
        await lab.apply(admin, USER % ("bob", ""))
        assert (await delete_resource(lab.services, admin.caller, "role", "ops", None)).action == "deleted"
        assert [one.fields["name"] for one in await lab.events("resource.deleted")] == ["ops"]

    async def test_name_may_be_used_again_but_never_the_id(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        first = (await lab.apply(admin, NODE % "web")).changes[0]
        await delete_resource(lab.services, admin.caller, "node", "web", first.revision)
        second = (await lab.apply(admin, NODE % "web")).changes[0]
        assert second.action == "created"
        assert second.id != first.id

    async def test_stale_revision_removes_nothing(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.apply(admin, NODE % "web")
        with pytest.raises(StaleRevision):
            await delete_resource(lab.services, admin.caller, "node", "web", 2)
        assert (await get_resource(lab.services, admin.caller, "node", "web")).revision == 1

    async def test_what_is_not_there_is_missing(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        for kind, name in (("node", "web"), ("no-such-kind", "web"), ("user", "nobody")):
            with pytest.raises(Missing):
                await delete_resource(lab.services, admin.caller, kind, name, None)
            with pytest.raises(Missing):
                await get_resource(lab.services, admin.caller, kind, name)

    async def test_removed_user_keeps_no_factors_and_no_sign_ins(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        bob = await lab.signed_in("bob")
        user_id = bob.caller.user_id
        await invite(lab, "bob")
        await add_password(lab, user_id)
        await add_factor(lab, user_id)
        await delete_resource(lab.services, admin.caller, "user", "bob", None)
        assert await lab.read(lambda tx: tx.passwords.get(user_id)) is None
        assert await lab.read(lambda tx: list(tx.totp.list(user_id))) == []
        assert await lab.read(lambda tx: list(tx.sign_ins.live_of(user_id, tx.now))) == []


class TestLocks:
    LOCK = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}, message: incident 7}\n"

    async def test_creating_and_removing_are_events_with_their_target(
        self, lab: AuthorityLab, admin: LabSignIn
    ) -> None:
        before = await lab.log_size()
        await lab.apply(admin, self.LOCK)
        await delete_resource(lab.services, admin.caller, "lock", "stop", None)
        events = {one.type: one.fields for one in await lab.events_since(before)}
        assert events["lock.created"]["target"] == {"user": "bob"}
        assert events["lock.created"]["message"] == "incident 7"
        assert events["lock.deleted"]["target"] == {"user": "bob"}

    async def test_expiry_is_in_the_event(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.apply(admin, self.LOCK.replace("message: incident 7", "expires: '2026-01-02T00:00:00Z'"))
        assert (await lab.events("lock.created"))[0].fields["expires_micros"] == 1_767_312_000_000_000


async def test_read_document_can_be_applied_as_it_is(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.apply(admin, OPS)
    view = await get_resource(lab.services, admin.caller, "role", "ops")
    applied = await lab.apply(admin, json.dumps(view.document))
    assert [(one.action, one.revision) for one in applied.changes] == [("unchanged", 1)]


async def test_lists_are_in_order_of_names(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.apply(admin, "---\n".join(NODE % name for name in ("web", "db", "app")))
    found = await list_resources(lab.services, admin.caller, "node")
    assert [one.name for one in found] == ["app", "db", "web"]


async def test_disabling_a_user_ends_every_sign_in(lab: AuthorityLab, admin: LabSignIn) -> None:
    bob = await lab.signed_in("bob")
    await lab.sign_in("bob", bob.caller.user_id)
    await lab.apply(admin, "kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {disabled: true}\n")
    assert await lab.read(lambda tx: list(tx.sign_ins.live_of(bob.caller.user_id, tx.now))) == []
    assert [one.fields["reason"] for one in await lab.events("sign_in.ended")] == ["user_disabled"] * 2


async def test_many_documents_cost_few_views(
    lab: AuthorityLab, admin: LabSignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = 0
    view_of = policy._view_of

    def counted(*arguments: Any) -> PolicyView:
        nonlocal built
        built += 1
        return view_of(*arguments)

    monkeypatch.setattr(policy, "_view_of", counted)
    await lab.apply(admin, "---\n".join(NODE % f"web-{number}" for number in range(50)))
    assert built <= 2
