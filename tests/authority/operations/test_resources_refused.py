"""Changes that are not taken: each reason has its file, line and field, and all are told at once."""

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn

from doorward.authority.changes import UnknownRole
from doorward.authority.giving import GivesTooMuch, LastAdministrator
from doorward.authority.operations.resources import RevisionNeeded, StaleRevision, TargetStays, revision_of
from doorward.base.errors import DoorwardError, Invalid
from doorward.domain.kinds.positioned import Placed

NODE = "kind: node\nversion: v1\nmetadata: {name: %s, labels: {env: prod}}\nspec: {address: '192.0.2.80:22'}\n"
USER = "kind: user\nversion: v1\nmetadata: {name: %s}\nspec: {roles: [%s]}\n"
ROLE = "kind: role\nversion: v8\nmetadata: {name: %s}\nspec: {allow: {rules: [{resources: [%s], verbs: [%s]}]}}\n"


@pytest.fixture
async def admin(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("ada", "admin", "auditor")


def places(error: DoorwardError) -> list[tuple[str, int, str]]:
    """File, line and field of each reason."""
    assert isinstance(error, Placed)
    return [(one.file, one.line, one.field) for one in error.problems]


async def refused(lab: AuthorityLab, who: LabSignIn, text: str, kind: type[DoorwardError]) -> DoorwardError:
    """The apply is refused, and nothing was logged as done."""
    before = await lab.log_size()
    with pytest.raises(kind) as caught:
        await lab.apply(who, text)
    assert await lab.log_size() == before
    return caught.value


async def test_every_reason_why_not_is_told_with_its_place(lab: AuthorityLab, admin: LabSignIn) -> None:
    unknown = USER % ("bob", "no, such") + "---\n" + NODE % "web" + "---\n" + USER % ("carol", "neither")
    error = await refused(lab, admin, unknown.replace("[no, such]", "[no-a, no-b]"), UnknownRole)
    assert places(error) == [("lab.yaml", line, "spec.roles") for line in (4, 4, 14)]
    await lab.declare(ROLE % ("gives", "user, role", "create, update"))
    bob = await lab.signed_in("bob", "gives")
    text = USER % ("eve", "admin") + "---\n" + USER % ("dan", "auditor") + "---\n" + ROLE % ("wide", "node", "create")
    error = await refused(lab, bob, text, GivesTooMuch)
    assert places(error) == [("lab.yaml", 4, "spec.roles"), ("lab.yaml", 9, "spec.roles"), ("lab.yaml", 11, "spec")]


async def test_last_administrator_is_told_of_by_file_line_field(lab: AuthorityLab, admin: LabSignIn) -> None:
    error = await refused(lab, admin, USER % ("ada", "auditor"), LastAdministrator)
    assert places(error) == [("lab.yaml", 4, "spec.roles")]
    lock = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec:\n  message: why\n  target: {role: admin}\n"
    error = await refused(lab, admin, lock, LastAdministrator)
    assert places(error) == [("lab.yaml", 6, "spec.target")]


class TestRevisions:
    async def test_what_is_there_is_not_changed_blindly(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        await lab.apply(admin, OPS + "---\n" + NODE % "web")
        wanted = OPS.replace("dwt-root", "root") + "---\n" + (NODE % "web").replace("prod", "dev")
        before = await lab.log_size()
        with pytest.raises(RevisionNeeded) as caught:
            await lab.apply(admin, wanted, overwrite=False)
        assert await lab.log_size() == before
        assert [problem.field for problem in caught.value.problems] == ["metadata.revision"] * 2
        assert "at revision 1" in caught.value.problems[0].message
        assert [one.action for one in (await lab.apply(admin, wanted, overwrite=True)).changes] == ["updated"] * 2

    async def test_what_is_not_there_or_not_changed_needs_none(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        for action in ("created", "unchanged"):
            applied = await lab.apply(admin, OPS, overwrite=False)
            assert [one.action for one in applied.changes] == [action]

    async def test_revision_that_is_named_counts_even_when_overwriting(
        self, lab: AuthorityLab, admin: LabSignIn
    ) -> None:
        await lab.apply(admin, OPS)
        stale = OPS.replace("{name: ops}", "{name: ops, revision: 7}").replace("dwt-root", "root")
        error = await refused(lab, admin, stale, StaleRevision)
        assert places(error) == [("lab.yaml", 3, "metadata.revision")]

    async def test_lock_keeps_its_target(self, lab: AuthorityLab, admin: LabSignIn) -> None:
        lock = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: zoe}}\n"
        await lab.apply(admin, lock)
        error = await refused(lab, admin, lock.replace("zoe", "yan"), TargetStays)
        assert places(error) == [("lab.yaml", 4, "spec.target")]

    @pytest.mark.parametrize("text", ["", "x", "-1", "1.0", "ANY", "9" * 30, "٣"])
    def test_removing_names_a_revision_or_says_any(self, text: str) -> None:
        with pytest.raises(Invalid):
            revision_of(text)
        assert (revision_of("any"), revision_of("12")) == (None, 12)
