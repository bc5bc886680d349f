"""What a grant adds, and all that it does not."""

from dataclasses import replace
from datetime import timedelta

from tests.support.policy import (
    EVERYTHING,
    NOW,
    allowed,
    allows,
    ask,
    denied,
    grant,
    node,
    person,
    role,
    wide,
)

from doorward.domain.access.known import may_know
from doorward.domain.access.listing import logins_on
from doorward.domain.access.locks import Lock
from doorward.domain.access.question import Context
from doorward.domain.access.verdict import STANDING, Reason

HERE, ELSEWHERE = node({"env": "prod"}), node({"env": "prod"}, name="web-02")


def test_a_grant_is_the_basis_and_the_end() -> None:
    decision = allowed(ask(person(grants=(grant(wide(), on=HERE),)), HERE))
    assert decision.basis == "g1"
    assert decision.until == NOW + timedelta(hours=1)


def test_a_grant_covers_its_resource_and_its_account_only() -> None:
    held = person(grants=(grant(wide("root", "deploy"), on=HERE),))
    assert not allows(held, ELSEWHERE)
    assert not allows(held, HERE, "deploy")
    assert logins_on(held, HERE, (), NOW) == ("root",)


def test_a_grant_gives_no_account_that_its_roles_do_not_give() -> None:
    assert not allows(person(grants=(grant(wide("deploy"), on=HERE),)), HERE)


def test_a_grant_that_has_not_begun_gives_nothing() -> None:
    held = grant(wide(), on=HERE)
    assert not allows(person(grants=(replace(held, starts=NOW + timedelta(seconds=1)),)), HERE)
    assert allows(person(grants=(replace(held, starts=NOW),)), HERE)
    assert not allows(person(grants=(replace(held, until=NOW),)), HERE)


def test_a_standing_deny_beats_a_grant() -> None:
    fence = role("fence", deny={"node_labels": {"env": "prod"}})
    assert not allows(person(fence, grants=(grant(wide(), on=HERE),)), HERE)


def test_a_deny_in_a_granted_role_applies_to_the_grant_and_not_to_standing_access() -> None:
    fenced = role("fenced", {"logins": ["root"], "node_labels": EVERYTHING}, {"logins": ["root"]})
    assert not allows(person(grants=(grant(fenced, on=HERE),)), HERE)
    assert allowed(ask(person(wide(), grants=(grant(fenced, on=HERE),)), HERE)).basis == STANDING


def test_the_grant_that_ends_last_is_the_basis_unless_one_is_chosen() -> None:
    grants = (grant(wide(), on=HERE, name="short", hours=1), grant(wide(), on=HERE, name="long", hours=3))
    assert allowed(ask(person(grants=grants), HERE)).basis == "long"
    assert allowed(ask(person(grants=grants), HERE, context=Context(basis="short"))).basis == "short"
    chosen = allowed(ask(person(wide(), grants=grants), HERE, context=Context(basis="short")))
    assert (chosen.basis, chosen.until) == ("short", NOW + timedelta(hours=1))


def test_a_chosen_basis_that_does_not_give_it_denies() -> None:
    assert denied(ask(person(wide()), HERE, context=Context(basis="g9"))).reasons == (Reason.NO_SUCH_BASIS,)
    held = person(wide(), grants=(grant(wide(), on=ELSEWHERE),))
    assert denied(ask(held, HERE, context=Context(basis="g1"))).reasons == (Reason.NO_SUCH_BASIS,)
    granted = person(grants=(grant(wide(), on=HERE),))
    assert not allows(granted, HERE, context=Context(basis=STANDING))


def test_options_of_all_that_matched_merge_and_unset_does_not_vote() -> None:
    long = wide(name="long", options={"max_session_ttl": "12h"})
    held = person(wide("deploy", options={"max_session_ttl": "1m"}), grants=(grant(long, on=HERE, hours=24),))
    assert allowed(ask(held, HERE)).obligations.max_session_ttl == timedelta(hours=12)
    standing = wide(name="standing", options={"require_mfa": True})
    both = person(standing, grants=(grant(long, on=HERE),))
    assert allowed(ask(both, HERE, context=Context(basis="g1"))).obligations.require_session_mfa.text == "yes"


def test_a_lock_on_the_request_or_on_a_granted_role_ends_the_grant_and_nothing_else() -> None:
    held = person(wide("deploy"), grants=(grant(wide(name="extra"), on=HERE),))
    for field, value in (("request", "request-g1"), ("role", "extra")):
        lock = Lock("l", ((field, value),))
        assert denied(ask(held, HERE, locks=(lock,))).reasons == (Reason.LOCKED,)
        assert allows(held, HERE, "deploy", (lock,))


def test_a_locked_grant_leaves_another_in_force() -> None:
    grants = (grant(wide(), on=HERE, name="g1", hours=3), grant(wide(), on=HERE, name="g2"))
    assert allowed(ask(person(grants=grants), HERE, locks=(Lock("l", (("request", "request-g1"),)),))).basis == "g2"


def test_a_granted_resource_is_known_while_the_grant_is_active() -> None:
    held = person(grants=(grant(wide(), on=HERE),))
    assert may_know(held, HERE, NOW)
    assert not may_know(held, ELSEWHERE, NOW)
    assert not may_know(held, HERE, NOW + timedelta(hours=1))
