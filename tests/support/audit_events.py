"""Random events of every type in the catalogue, and plain ones, for tests of the log."""

from typing import Any

from hypothesis import strategies as st

from doorward.base.entropy import SeededEntropy
from doorward.base.ids import new_id
from doorward.domain.audit.catalogue import EVENT_TYPES
from doorward.domain.audit.event import ANONYMOUS, SYSTEM, Actor, Event, Subjects
from doorward.domain.audit.event_types import EventType, Shape
from doorward.domain.audit.events_people import USER_SIGNED_IN

ids = st.integers(0, 50).map(lambda seed: new_id(SeededEntropy(seed)))
_scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.text(max_size=8))
values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_BY_SHAPE: dict[Shape, st.SearchStrategy[Any]] = {
    Shape.TEXT: st.text(max_size=40),
    Shape.INTEGER: st.integers(-(2**53) + 1, 2**53 - 1),
    Shape.BOOLEAN: st.booleans(),
    Shape.LIST: st.lists(values, max_size=4),
    Shape.OBJECT: st.dictionaries(st.text(max_size=8), values, max_size=4),
}


@st.composite
def events(draw: st.DrawFn, types: tuple[EventType, ...] = EVENT_TYPES) -> Event:
    """An event of any type, with required fields and some of the others."""
    event_type = draw(st.sampled_from(types))
    fields = {
        field.name: draw(_BY_SHAPE[field.shape]) for field in event_type.fields if field.required or draw(st.booleans())
    }
    maybe = st.one_of(st.just(""), ids)
    subjects = Subjects(
        user=draw(maybe), person=draw(maybe), node=draw(maybe), session=draw(maybe), resource=draw(maybe)
    )
    actor = draw(st.one_of(st.just(SYSTEM), st.just(ANONYMOUS), ids.map(Actor.user)))
    return Event(event_type, draw(st.integers(0, 2**51)), actor, subjects, fields)


def signed_in(user_id: str, *, at_micros: int = 1_767_225_600_000_000, name: str = "alice") -> Event:
    """One sign-in: public and sensitive fields, a user as actor and subject."""
    fields = {"method": "password", "user_name": name, "source": "192.0.2.7"}
    return Event(USER_SIGNED_IN, at_micros, Actor.user(user_id), Subjects(user=user_id), fields)
