"""One thing that happened: its type, when, who did it, what it was about, and its fields.

An `Event` that exists fits the catalogue: its fields are known, shaped as their type says, and the required ones are
there. Ids stand plainly, since an id says nothing about a person once the rows that name him are gone; whatever else is
about a person belongs into a sensitive field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from doorward.base.clock import to_micros
from doorward.base.errors import Invalid
from doorward.base.ids import is_id
from doorward.domain.audit.canonical import Value
from doorward.domain.audit.event_types import EventType

MICROS_MAX: Final = 2**53 - 1


class InvalidEvent(Invalid):
    """The event does not fit the catalogue: it can not be logged, so what it stands for must not happen."""

    code = "invalid_event"


class ActorKind(StrEnum):
    """What kind of thing did it."""

    USER = "user"
    GATEWAY = "gateway"
    NODE = "node"
    SYSTEM = "system"  # the authority itself: a deadline, a job, a start
    OPERATOR = "operator"  # someone with a shell on the authority's host
    ANONYMOUS = "anonymous"  # nobody whom we know: a failed sign-in


_WITHOUT_ID: Final = frozenset({ActorKind.SYSTEM, ActorKind.OPERATOR, ActorKind.ANONYMOUS})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `id` is empty for the system, an operator and the unknown."""

    kind: ActorKind
    id: str = ""

    def __post_init__(self) -> None:
        if (self.kind in _WITHOUT_ID) != (self.id == "") or (self.id and not is_id(self.id)):
            raise InvalidEvent(f"making an event: an actor of kind {self.kind} has a wrong id")

    @classmethod
    def user(cls, user_id: str) -> "Actor":
        """A user who proved to be one."""
        return cls(ActorKind.USER, user_id)

    @classmethod
    def gateway(cls, gateway_id: str) -> "Actor":
        """A joined gateway."""
        return cls(ActorKind.GATEWAY, gateway_id)

    @classmethod
    def node(cls, node_id: str) -> "Actor":
        """A node, by its enrolment token."""
        return cls(ActorKind.NODE, node_id)


SYSTEM: Final = Actor(ActorKind.SYSTEM)
OPERATOR: Final = Actor(ActorKind.OPERATOR)
ANONYMOUS: Final = Actor(ActorKind.ANONYMOUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """The ids of what an event is about; empty means that there is none. These are what the log is searched by."""

    user: str = ""
    person: str = ""
    node: str = ""
    session: str = ""
    sign_in: str = ""
    gateway: str = ""
    resource: str = ""

    def __post_init__(self) -> None:
        for text in (self.user, self.person, self.node, self.session, self.sign_in, self.gateway, self.resource):
            if text and not is_id(text):
                raise InvalidEvent("making an event: a subject is not an id")


NOTHING: Final = Subjects()


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log to be. `at_micros` is UTC; `fields` holds JSON values; None counts as left out."""

    type: EventType
    at_micros: int
    actor: Actor
    subjects: Subjects = NOTHING
    fields: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.at_micros <= MICROS_MAX:
            raise InvalidEvent(f"making {self.type.name}: the time is out of range")
        for name, value in self.fields.items():
            known = self.type.field(name)
            if known is None:
                raise InvalidEvent(f"making {self.type.name}: it has no field {name}")
            if value is not None and not known.admits(value):
                raise InvalidEvent(f"making {self.type.name}: {name} is not of shape {known.shape}")
        for known in self.type.fields:
            if known.required and self.fields.get(known.name) is None:
                raise InvalidEvent(f"making {self.type.name}: {known.name} is missing")


def event(
    event_type: EventType,
    at: datetime,
    actor: Actor,
    *,
    user: str = "",
    person: str = "",
    node: str = "",
    session: str = "",
    sign_in: str = "",
    gateway: str = "",
    resource: str = "",
    **fields: Value,
) -> Event:
    """An event in one call: subjects and fields by name; `InvalidEvent` when it does not fit the catalogue.

    Fields named like a subject go through `Event` itself; the catalogue has none.
    """
    subjects = Subjects(
        user=user, person=person, node=node, session=session, sign_in=sign_in, gateway=gateway, resource=resource
    )
    return Event(event_type, to_micros(at), actor, subjects, fields)
