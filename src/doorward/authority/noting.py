"""Audit events from operations: one line each, stamped with the transaction's instant."""

from collections.abc import Mapping
from typing import Any

from doorward.authority.ports import Transaction
from doorward.base.clock import to_micros
from doorward.domain.audit.event import NOTHING, Actor, Event, Subjects
from doorward.domain.audit.event_types import EventType


def note(
    tx: Transaction, event_type: EventType, actor: Actor, fields: Mapping[str, Any], subjects: Subjects = NOTHING
) -> None:
    """Put an event into the transaction; it is stored with the state that it tells of, or not at all."""
    tx.events.append(Event(event_type, to_micros(tx.now), actor, subjects, fields))
