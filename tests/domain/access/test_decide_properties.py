"""What holds for every policy: denies and locks only shut, options only tighten, lists equal decisions."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import policy
from tests.support.policy import LOGINS, NOW, ask, node, person

from doorward.domain.access.decide import decide
from doorward.domain.access.listing import logins_on
from doorward.domain.access.locks import Lock
from doorward.domain.access.obligations import FIELDS
from doorward.domain.access.prepared import Prepared, prepare
from doorward.domain.access.question import Context, Grant, Subject, Target, Wanted
from doorward.domain.access.role import Role
from doorward.domain.access.verdict import Allow

Roles = tuple[Role, ...]
Traits = dict[str, tuple[str, ...]]
logins = st.sampled_from((*LOGINS, "*", "nobody"))
quick = settings(max_examples=100, deadline=None)


def prepared_for(roles: Roles, traits: Traits, grants: tuple[Grant, ...] = ()) -> Prepared:
    return prepare(Subject("u" * 26, "alice", roles, traits, device_id="device"), grants)


@quick
@given(policy.role_lists, policy.denying_roles, policy.trait_maps, policy.targets, logins)
def test_adding_a_deny_never_allows_more(roles: Roles, fence: Role, traits: Traits, target: Target, login: str) -> None:
    if isinstance(ask(prepared_for((*roles, fence), traits), target, login), Allow):
        assert isinstance(ask(prepared_for(roles, traits), target, login), Allow)


@quick
@given(policy.role_lists, policy.trait_maps, policy.targets, logins, st.lists(policy.locks, max_size=2), policy.locks)
def test_adding_a_lock_never_allows_more(
    roles: Roles, traits: Traits, target: Target, login: str, locks: list[Lock], lock: Lock
) -> None:
    prepared = prepared_for(roles, traits)
    if isinstance(ask(prepared, target, login, (*locks, lock)), Allow):
        assert isinstance(ask(prepared, target, login, tuple(locks)), Allow)


@quick
@given(policy.role_lists, policy.roles, policy.trait_maps, policy.targets, logins)
def test_adding_a_role_never_loosens_an_option_that_is_set(
    roles: Roles, more: Role, traits: Traits, target: Target, login: str
) -> None:
    before = ask(prepared_for(roles, traits), target, login)
    after = ask(prepared_for((*roles, more), traits), target, login)
    if not isinstance(before, Allow) or not isinstance(after, Allow):
        return
    set_before = {name for role in roles for name, _ in role.options.values}
    set_before |= {"recording" for role in roles if role.options.recording_for("node") is not None}
    for name, rule in FIELDS:
        old, new = getattr(before.obligations, name), getattr(after.obligations, name)
        # An option that nobody had set holds by default, which is no vote: the new role may set it as it likes.
        if name in set_before and all(_sets(role, name) for role in roles):
            assert rule.strictest(old, new) == new, name


def _sets(role: Role, name: str) -> bool:
    return name in dict(role.options.values) or (name == "recording" and role.options.recording_for("node") is not None)


@quick
@given(
    policy.role_lists,
    policy.trait_maps,
    policy.targets,
    st.lists(policy.locks, max_size=2).map(tuple),
    st.lists(policy.grants, max_size=2).map(tuple),
)
def test_list_of_logins_equals_deciding_each(
    roles: Roles, traits: Traits, target: Target, locks: tuple[Lock, ...], grants: tuple[Grant, ...]
) -> None:
    prepared = prepared_for(roles, traits, grants)
    named = {*LOGINS, *traits.get("names", ()), "*", "alice@example.com"}
    decided = {
        login
        for login in named
        if isinstance(decide(prepared, target, Wanted(login=login), locks, Context(), NOW), Allow)
    }
    assert logins_on(prepared, target, locks, NOW) == tuple(sorted(decided))


@quick
@given(policy.role_lists, policy.trait_maps, policy.targets, logins, policy.roles, policy.locks)
def test_an_expired_grant_equals_none(
    roles: Roles, traits: Traits, target: Target, login: str, more: Role, lock: Lock
) -> None:
    ended = Grant(
        "g", "q", (more,), frozenset({("node", target.id)}), (Wanted(login=login),), NOW - timedelta(hours=2), NOW
    )
    with_grant, without = prepared_for(roles, traits, (ended,)), prepared_for(roles, traits)
    assert ask(with_grant, target, login) == ask(without, target, login)
    assert ask(with_grant, target, login, (lock,)) == ask(without, target, login, (lock,))


@quick
@given(policy.role_lists, policy.trait_maps, policy.targets, logins, st.lists(policy.grants, max_size=2).map(tuple))
def test_a_grant_takes_no_standing_access_away(
    roles: Roles, traits: Traits, target: Target, login: str, grants: tuple[Grant, ...]
) -> None:
    standing = ask(prepared_for(roles, traits), target, login)
    if isinstance(standing, Allow):
        assert ask(prepared_for(roles, traits, grants), target, login) == standing


@quick
@given(policy.role_lists, policy.trait_maps, policy.targets, logins, st.lists(policy.grants, max_size=2).map(tuple))
def test_a_grant_adds_nothing_elsewhere(
    roles: Roles, traits: Traits, target: Target, login: str, grants: tuple[Grant, ...]
) -> None:
    elsewhere = node(target.labels, name="other")
    with_grants = ask(prepared_for(roles, traits, grants), elsewhere, login)
    assert with_grants == ask(prepared_for(roles, traits), elsewhere, login)


@quick
@given(policy.role_lists, policy.trait_maps, st.dictionaries(st.text(), st.text()), st.text())
def test_odd_labels_and_logins_are_decided_and_raise_nothing(
    roles: Roles, traits: Traits, labels: dict[str, str], login: str
) -> None:
    ask(prepared_for(roles, traits), node(labels), login)


def test_half_a_surrogate_pair_in_a_label_is_refused_by_allow_and_by_deny() -> None:
    odd = node({"env": "prod\ud800"})
    glob = policy.role("g", {"logins": ["root"], "node_labels": {"env": "prod*"}})
    fence = policy.role("f", deny={"node_labels": {"env": "prod*"}})
    assert not policy.allows(person(glob), odd)
    assert policy.allows(person(policy.wide()), odd)
    assert not policy.allows(person(policy.wide(), fence), odd)
