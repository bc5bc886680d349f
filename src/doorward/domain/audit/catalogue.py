"""The closed catalogue of everything that the audit log can say.

Codes and names are kept for good: readers outside build on them. A type is added, or a field is; none is renamed, and a
field never becomes less protected. `render` is what the committed snapshot holds, so that a change here is seen.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from doorward.base.errors import Missing
from doorward.domain.audit.event_types import EventType
from doorward.domain.audit.events_machines import MACHINE_EVENTS
from doorward.domain.audit.events_people import PEOPLE_EVENTS
from doorward.domain.audit.events_policy import POLICY_EVENTS
from doorward.domain.audit.events_sessions import SESSION_EVENTS

EVENT_TYPES: Final[tuple[EventType, ...]] = tuple(
    sorted(PEOPLE_EVENTS + POLICY_EVENTS + MACHINE_EVENTS + SESSION_EVENTS, key=lambda one: one.code)
)
BY_NAME: Final[Mapping[str, EventType]] = MappingProxyType({one.name: one for one in EVENT_TYPES})


class UnknownEventType(Missing):
    """The catalogue is closed."""

    code = "unknown_event_type"


def by_name(name: str) -> EventType:
    """The type of that name; `UnknownEventType` when the catalogue has none."""
    found = BY_NAME.get(name)
    if found is None:
        raise UnknownEventType("looking up an event type: the catalogue has none of that name")
    return found


def reportable_by_gateway(name: str) -> EventType:
    """The type of that name if a gateway may report it; for any other the same answer as for an unknown one."""
    found = by_name(name)
    if not found.from_gateway:
        raise UnknownEventType("looking up an event type: the catalogue has none of that name")
    return found


def render() -> str:
    """The catalogue as text, one type a paragraph."""
    return "\n".join(_paragraph(one) for one in EVENT_TYPES)


def _paragraph(one: EventType) -> str:
    lines = [f"{one.code} {one.name}{' (gateway)' if one.from_gateway else ''}", f"    {one.meaning}"]
    for field in one.fields:
        marks = f"{field.field_class} {field.shape}{' required' if field.required else ''}"
        lines.append(f"    {field.name}: {marks}, at most {field.bytes_max} bytes")
    return "\n".join(lines) + "\n"
