"""A lock denies whatever it names, at once, until it ends."""

from datetime import timedelta

import pytest
from tests.support.policy import NOW, allows, ask, denied, node, person, wide

from doorward.base.moment_text import moment_text
from doorward.domain.access.decide import decide
from doorward.domain.access.listing import logins_on
from doorward.domain.access.locks import LOCK_FIELDS, Lock, facts_of, locked_text
from doorward.domain.access.prepared import prepare
from doorward.domain.access.question import Context, Subject, Wanted
from doorward.domain.access.verdict import Allow, Reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user", "alice"),
        ("user", "u" * 26),
        ("role", "wide"),
        ("login", "root"),
        ("node", "web-01"),
        ("node", "id-of-web-01"),
        ("sign_in", "sign-in"),
        ("session", "session"),
        ("device", "device"),
    ],
)
def test_lock_denies_what_it_names_and_nothing_else(field: str, value: str) -> None:
    context = Context(session_id="session")
    decision = denied(
        ask(person(wide()), locks=(Lock("l", ((field, value),), "come and talk to us"),), context=context)
    )
    assert decision.reasons == (Reason.LOCKED,)
    assert decision.trace[0].value == "come and talk to us"
    assert allows(person(wide()), locks=(Lock("l", ((field, "another"),)),), context=context)


def test_all_that_a_lock_names_must_be_so() -> None:
    both = (("user", "alice"), ("login", "root"))
    assert not allows(person(wide("root", "deploy")), locks=(Lock("l", both),))
    assert allows(person(wide("root", "deploy")), node(), "deploy", (Lock("l", both),))
    assert allows(person(wide()), locks=(Lock("l", (("user", "bob"), ("login", "root"))),))


def test_lock_holds_until_its_end_and_not_at_it() -> None:
    for end, expected in ((NOW, True), (NOW + timedelta(microseconds=1), False), (None, False)):
        assert allows(person(wide()), locks=(Lock("l", (("user", "alice"),), expires=end),)) is expected


def test_a_lock_that_names_what_we_do_not_know_hits_nobody_and_one_that_names_nothing_everybody() -> None:
    assert allows(person(wide()), locks=(Lock("l", (("planet", "mars"),)),))
    assert not allows(person(wide()), locks=(Lock("l", ()),))


def test_a_bot_is_locked_as_a_bot_and_not_as_a_user() -> None:
    bot = prepare(Subject("u1", "deployer", (wide(),), bot_id="b1"))
    for field, value, expected in (("bot", "b1", False), ("bot", "deployer", False), ("user", "u1", True)):
        decision = decide(bot, node(), Wanted(login="root"), (Lock("l", ((field, value),)),), Context(), NOW)
        assert isinstance(decision, Allow) is expected


def test_lock_on_one_login_leaves_the_others_in_the_list() -> None:
    held = person(wide("root", "deploy"))
    assert logins_on(held, node(), (Lock("l", (("login", "root"),)),), NOW) == ("deploy",)
    assert logins_on(held, node(), (Lock("l", (("node", "web-01"),)),), NOW) == ()


def test_facts_exist_for_every_field_of_a_lock() -> None:
    assert set(facts_of(Subject("u", "n", ()))) == set(LOCK_FIELDS)


def test_a_locked_person_is_told_until_when_and_why_by_all_locks_together() -> None:
    target = (("user", "alice"),)
    soon = Lock("a", target, "lunch", NOW + timedelta(hours=1))
    later = Lock("b", target, "", NOW + timedelta(hours=2))
    for_ever = Lock("c", target, "incident 7")
    assert (
        locked_text([later]) == f"your access is locked until {moment_text(later.expires or NOW)}; ask an administrator"
    )
    assert locked_text([soon, later]).startswith(
        f"your access is locked until {moment_text(later.expires or NOW)}: lunch;"
    )
    assert locked_text([soon, for_ever]) == "your access is locked: lunch; incident 7; ask an administrator"
