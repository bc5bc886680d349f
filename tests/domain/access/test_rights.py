"""Rights over the API: deny first, closed names, and nobody gives what they do not hold."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.policy import NOW, node, role

from doorward.domain.access.built_in import BUILT_IN_ROLES
from doorward.domain.access.listing import logins_on
from doorward.domain.access.prepared import prepare
from doorward.domain.access.question import Subject
from doorward.domain.access.rights import KIND_RESOURCES, RESOURCES, VERBS, Right, may_call, rights_not_held, rights_of
from doorward.domain.access.role import ApiRule, Condition, Role
from doorward.domain.access.verdict import Outcome
from doorward.domain.kinds.registry import KINDS

ADMIN, AUDITOR = BUILT_IN_ROLES["admin"], BUILT_IN_ROLES["auditor"]


def rules(*pairs: tuple[str, str]) -> Condition:
    return Condition(rules=tuple(ApiRule((resource,), (verb,)) for resource, verb in pairs))


def test_admin_may_do_everything_but_play_recordings() -> None:
    for resource, verb in product(RESOURCES, VERBS):
        assert bool(may_call((ADMIN,), resource, verb)) is ((resource, verb) != ("recording", "play"))


def test_auditor_reads_and_plays_and_changes_nothing() -> None:
    assert {right.verb for right in rights_of((AUDITOR,))} == {"list", "read", "play"}
    assert may_call((AUDITOR,), "recording", "play")
    assert not may_call((AUDITOR,), "session", "end")


def test_reviewer_and_access_hold_little_and_nothing() -> None:
    assert rights_of((BUILT_IN_ROLES["access"],)) == frozenset()
    assert rights_of((BUILT_IN_ROLES["reviewer"],)) == {Right("request", "list"), Right("request", "read")}


@pytest.mark.parametrize("name", sorted(BUILT_IN_ROLES))
def test_built_in_roles_give_no_account_on_any_resource(name: str) -> None:
    held = BUILT_IN_ROLES[name]
    assert held.allow.labels == {}
    assert held.allow.matchers == {}
    assert logins_on(prepare(Subject("u", "u", (held,))), node(), (), NOW) == ()


def test_rights_are_about_exactly_the_kinds_that_there_are() -> None:
    assert set(KINDS) == set(KIND_RESOURCES)
    assert set(KIND_RESOURCES) <= set(RESOURCES)


def test_deny_comes_first_whatever_other_roles_allow() -> None:
    fence = role("fence", deny={"rules": [{"resources": ["user"], "verbs": ["delete"]}]})
    decision = may_call((ADMIN, fence), "user", "delete")
    assert not decision
    assert decision.trace[0].source == "fence"
    assert may_call((ADMIN, fence), "user", "create")


def test_refusal_names_the_roles_that_do_not_give_it() -> None:
    decision = may_call((AUDITOR,), "user", "create")
    assert [(step.source, step.outcome) for step in decision.trace] == [("auditor", Outcome.MISSED)]
    assert may_call((), "user", "read").trace == ()


@pytest.mark.parametrize(
    ("resource", "verb"), [("users", "list"), ("*", "*"), ("user", "*"), ("", ""), ("user", "fly")]
)
def test_names_that_do_not_exist_are_refused(resource: str, verb: str) -> None:
    everything = Role("x", allow=rules((resource, verb)))
    assert not may_call((ADMIN, everything), resource, verb)


def test_nobody_gives_what_they_do_not_hold() -> None:
    assert rights_not_held((ADMIN,), before=(), after=(AUDITOR,)) == (Right("recording", "play"),)
    assert not rights_not_held((ADMIN, AUDITOR), before=(), after=(AUDITOR,))
    assert not rights_not_held((ADMIN,), before=(), after=(ADMIN,))
    assert rights_not_held((BUILT_IN_ROLES["reviewer"],), before=(), after=(ADMIN,))


def test_what_was_there_before_and_what_is_taken_away_need_no_right() -> None:
    assert not rights_not_held((), before=(AUDITOR,), after=(AUDITOR,))
    assert not rights_not_held((), before=(ADMIN,), after=())


def test_lifting_a_prohibition_is_giving() -> None:
    fence = Role("fence", deny=rules(("user", "delete")))
    assert rights_not_held((AUDITOR,), before=(fence,), after=())
    assert not rights_not_held((ADMIN,), before=(fence,), after=())


def test_a_denied_right_can_not_be_given() -> None:
    fence = Role("fence", deny=rules(("user", "delete")))
    assert rights_not_held((ADMIN, fence), before=(), after=(Role("r", allow=rules(("user", "delete"))),))


conditions = st.lists(st.tuples(st.sampled_from(RESOURCES[:4]), st.sampled_from(VERBS[:4])), max_size=4).map(
    lambda pairs: rules(*pairs)
)
held_roles = st.lists(st.builds(Role, st.just("r"), conditions, conditions), max_size=3).map(tuple)


@settings(max_examples=100, deadline=None)
@given(held_roles, held_roles, held_roles)
def test_nobody_gains_by_giving_to_oneself(
    giver: tuple[Role, ...], before: tuple[Role, ...], after: tuple[Role, ...]
) -> None:
    if not rights_not_held(giver, before=giver, after=after):
        assert rights_of(after) <= rights_of(giver)
    if not rights_not_held(giver, before=before, after=after):
        assert rights_of(after) <= rights_of(before) | rights_of(giver)


@settings(max_examples=100, deadline=None)
@given(held_roles)
def test_rights_are_what_may_be_called(roles: tuple[Role, ...]) -> None:
    called = {Right(resource, verb) for resource, verb in product(RESOURCES, VERBS) if may_call(roles, resource, verb)}
    assert called == rights_of(roles)
