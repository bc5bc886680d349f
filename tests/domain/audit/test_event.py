"""An event that exists fits the catalogue."""

from datetime import UTC, datetime
from typing import Any

import pytest

from doorward.base.entropy import SeededEntropy
from doorward.base.ids import new_id
from doorward.domain.audit.event import ANONYMOUS, SYSTEM, Actor, ActorKind, InvalidEvent, Subjects, event
from doorward.domain.audit.events_people import SIGN_IN_ENDED, SIGN_IN_FAILED_SUMMARY, USER_SIGNED_IN

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USER = new_id(SeededEntropy(1))


def test_an_event_holds_what_it_was_given() -> None:
    made = event(USER_SIGNED_IN, NOW, Actor.user(USER), user=USER, method="password", user_name=None)
    assert made.at_micros == 1_767_225_600_000_000
    assert made.subjects == Subjects(user=USER)
    assert made.fields == {"method": "password", "user_name": None}


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        (USER_SIGNED_IN, {"method": "password", "shoe_size": 44}),  # the catalogue is closed
        (USER_SIGNED_IN, {}),  # required
        (USER_SIGNED_IN, {"method": None}),  # required
        (USER_SIGNED_IN, {"method": 7}),  # shape
        (SIGN_IN_FAILED_SUMMARY, {"attempts": True}),  # a boolean is no number
        (SIGN_IN_FAILED_SUMMARY, {"attempts": "1"}),
        (SIGN_IN_ENDED, {"reason": ["x"]}),
    ],
)
def test_an_event_that_does_not_fit_the_catalogue_is_refused(event_type: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        event(event_type, NOW, SYSTEM, **fields)


@pytest.mark.parametrize("text", ["alice", USER[:-1], USER + "a", USER.upper(), "'; drop table"])
def test_only_ids_stand_as_ids(text: str) -> None:
    with pytest.raises(InvalidEvent):
        Subjects(user=text)
    with pytest.raises(InvalidEvent):
        Actor.user(text)


def test_only_those_who_have_an_id_are_named_by_one() -> None:
    with pytest.raises(InvalidEvent):
        Actor(ActorKind.USER)
    for actor in (SYSTEM, ANONYMOUS):
        with pytest.raises(InvalidEvent):
            Actor(actor.kind, USER)


def test_a_time_before_1970_is_refused() -> None:
    with pytest.raises(InvalidEvent):
        event(SIGN_IN_ENDED, datetime(1969, 12, 31, tzinfo=UTC), SYSTEM, reason="revoked")
