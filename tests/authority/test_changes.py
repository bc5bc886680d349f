"""Each kind is judged by what it gives, and a role declared in the same call is judged as it will be."""

from dataclasses import fields

import pytest
from tests.support.authority_lab import OPS, AuthorityLab

from doorward.authority.changes import GIVES, before_with_roles, said_of_all
from doorward.authority.policy import PolicyView
from doorward.base.ids import SignInId
from doorward.domain.kinds.registry import KINDS

BASE = "kind: role\nversion: v8\nmetadata: {name: %s}\nspec: {allow: {logins: [%s], node_labels: {'*': '*'}}}\n"


def test_what_a_kind_gives_is_said_of_every_kind() -> None:
    assert GIVES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_table_that_forgets_a_kind_does_not_load(kind: str) -> None:
    with pytest.raises(ValueError, match=kind):
        said_of_all({name: gives for name, gives in GIVES.items() if name != kind})


def test_a_table_that_speaks_of_no_kind_does_not_load() -> None:
    with pytest.raises(ValueError, match="database"):
        said_of_all({**GIVES, "database": None})


async def test_a_view_with_other_roles_differs_in_its_roles_alone(lab: AuthorityLab) -> None:
    await lab.declare(OPS)
    await lab.node("web")
    before = await lab.read(lab.services.policy.view)
    await lab.declare(BASE % ("other", "root"))
    after = await lab.read(lab.services.policy.view)
    made = before_with_roles(before, after)
    assert "other" in made.roles
    same = {one.name for one in fields(PolicyView)} - {"counter", "roles", "_prepared"}
    assert all(getattr(made, name) is getattr(before, name) for name in same)


async def test_a_view_with_other_roles_remembers_nobody_prepared_under_the_old_ones(lab: AuthorityLab) -> None:
    await lab.declare(BASE % ("base", "deploy"))
    alice = (await lab.signed_in("alice", "base")).caller.user_id
    before = await lab.read(lab.services.policy.view)
    old = before.prepared(alice, SignInId("s"))
    await lab.declare(BASE % ("base", "root"))
    after = await lab.read(lab.services.policy.view)
    assert before_with_roles(before, after).prepared(alice, SignInId("s")) is not old
