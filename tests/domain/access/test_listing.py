"""A list says of each resource what deciding and knowing say of it, whatever else is in the list."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import policy
from tests.support.policy import NOW, grant, node, person, role

from doorward.domain.access.known import may_know
from doorward.domain.access.listing import Listing, logins_on
from doorward.domain.access.locks import Lock
from doorward.domain.access.prepared import prepare
from doorward.domain.access.question import Grant, Subject, Target
from doorward.domain.access.role import Role


@settings(max_examples=200, deadline=None)
@given(
    policy.role_lists,
    policy.trait_maps,
    st.lists(policy.targets, max_size=8),
    st.lists(policy.locks, max_size=2).map(tuple),
    st.lists(policy.grants, max_size=1).map(tuple),
)
def test_each_line_equals_asking_for_it_alone(
    roles: tuple[Role, ...],
    traits: dict[str, tuple[str, ...]],
    targets: list[Target],
    locks: tuple[Lock, ...],
    grants: tuple[Grant, ...],
) -> None:
    prepared = prepare(Subject("u" * 26, "alice", roles, traits, device_id="device"), grants)
    listing = Listing(prepared, locks, NOW)
    for target in targets:
        alone = logins_on(prepared, target, locks, NOW), may_know(prepared, target, NOW)
        assert listing.of(target) == alone


@pytest.mark.parametrize(
    "labels_of_the_rule",
    [
        {"node_labels": {"env": "dev"}},
        {"node_labels_expression": 'labels["env"] == "dev"'},
        {"node_labels_expression": 'contains(labels_matching("e*"), "dev")'},
    ],
)
def test_a_label_that_differs_is_looked_at_wherever_a_role_names_it(labels_of_the_rule: dict[str, object]) -> None:
    listing = Listing(person(role(allow={"logins": ["root"], **labels_of_the_rule})), (), NOW)
    assert listing.of(node({"env": "dev"})) == (("root",), True)
    assert listing.of(node({"env": "prod"})) == ((), False)
    assert listing.of(node({})) == ((), False)


def test_a_lock_on_one_node_hides_its_logins_and_no_other_s() -> None:
    held = person(role(allow={"logins": ["root"], "node_labels": {"env": "dev"}}))
    listing = Listing(held, (Lock("l", (("node", "web-01"),)),), NOW)
    assert listing.of(node({"env": "dev"}, name="web-02")) == (("root",), True)
    assert listing.of(node({"env": "dev"}, name="web-01")) == ((), True)


@pytest.mark.parametrize("named", [("role", "granted"), ("request", "request-g1")])
def test_a_lock_on_what_a_grant_brings_hides_what_it_gives(named: tuple[str, str]) -> None:
    target = node({"env": "dev"})
    given = role("granted", allow={"logins": ["root"], "node_labels": {"env": "dev"}})
    held = person(grants=(grant(given, on=target),))
    assert Listing(held, (), NOW).of(target)[0] == ("root",)
    assert Listing(held, (Lock("l", (named,)),), NOW).of(target)[0] == ()
