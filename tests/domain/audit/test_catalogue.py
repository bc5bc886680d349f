"""The catalogue of events is the one that was reviewed."""

from pathlib import Path

import pytest

from doorward.domain.audit.catalogue import (
    BY_NAME,
    EVENT_TYPES,
    UnknownEventType,
    by_name,
    render,
    reportable_by_gateway,
)
from doorward.domain.audit.event_types import FieldClass

SNAPSHOT = Path(__file__).with_name("catalogue.txt")
# What says something about a person is never public, whatever the event.
PERSONAL = {"user_name", "source", "client", "command", "path", "path_to", "message", "trace", "traits", "claimed"}


def test_the_catalogue_is_as_committed() -> None:
    """Changing the snapshot is a review: codes, names and classes are kept for good."""
    assert render() == SNAPSHOT.read_text()


def test_codes_and_names_are_given_once() -> None:
    assert len({one.code for one in EVENT_TYPES}) == len(EVENT_TYPES) == len(BY_NAME)


def test_personal_fields_are_never_public() -> None:
    for one in EVENT_TYPES:
        for field in one.fields:
            assert field.name not in PERSONAL or field.field_class is not FieldClass.PUBLIC, (one.name, field.name)


def test_a_gateway_reports_of_its_sessions_and_nothing_else() -> None:
    assert reportable_by_gateway("stream.opened") is by_name("stream.opened")
    for name in ("user.signed_in", "session.opened", "decision.made", "lock.deleted", "no.such", ""):
        with pytest.raises(UnknownEventType):
            reportable_by_gateway(name)


def test_an_unknown_name_is_missing() -> None:
    with pytest.raises(UnknownEventType):
        by_name("user.teleported")
