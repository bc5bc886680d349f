"""Events that a gateway tells of its sessions: in the types that the catalogue opens to gateways, each once.

What could not be told at once says how long ago it happened; the log shows that time beside its own, kept within the
session's life. The time of an entry itself is always that at which it was logged.
"""

from typing import Any, Final

from doorward.api.bodies.gateway_calls import Note, SessionReport
from doorward.authority.callers import GatewayCaller
from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.base.clock import to_micros
from doorward.base.errors import Invalid
from doorward.domain.audit.catalogue import UnknownEventType, reportable_by_gateway
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.event_types import HAPPENED
from doorward.domain.audit.events_sessions import SESSION_ENDED, SESSION_STARTED
from doorward.domain.sessions.late import happened
from doorward.domain.sessions.record import SessionRecord

# Started and ended stand apart in a report, and move the state; as mere notes they would say what is not so.
_NOT_AS_NOTES: Final = frozenset({SESSION_STARTED.name, SESSION_ENDED.name})


def subjects_of(session: SessionRecord) -> Subjects:
    """What an event about a session is searched by."""
    return Subjects(
        user=session.user_id,
        node=session.node_id,
        session=session.id,
        sign_in=session.sign_in_id,
        gateway=session.gateway_id,
    )


def untold(session: SessionRecord, said: SessionReport) -> list[Note]:
    """The notes that are not in the log yet; numbers that are left out are a gateway's to leave out."""
    known = session.notes_taken - said.first_note + 1
    return said.notes[max(0, known) :]


def take_notes(
    tx: Transaction, caller: GatewayCaller, session: SessionRecord, said: SessionReport, *, late: int = 0
) -> None:
    """Log the notes that are not in the log yet, and remember how far it went."""
    notes = untold(session, said)
    for one in notes:
        _take(tx, caller, session, one)
    if notes:
        tx.sessions.took_notes(session.id, said.first_note + len(said.notes) - 1, late)


def when_told_late(tx: Transaction, session: SessionRecord, age_seconds: int) -> dict[str, Any]:
    """The field that says when it happened; none for what is told at once."""
    return {HAPPENED: to_micros(happened(session, tx.now, age_seconds))} if age_seconds else {}


def _take(tx: Transaction, caller: GatewayCaller, session: SessionRecord, said: Note) -> None:
    try:
        known = reportable_by_gateway(said.type)
    except UnknownEventType as error:
        raise Invalid("noting what happened in a session: a gateway does not report events of that type") from error
    if known.name in _NOT_AS_NOTES:
        raise Invalid("noting what happened in a session: a gateway does not report events of that type")
    if HAPPENED in said.fields:
        raise Invalid("noting what happened in a session: a gateway says how long ago it was, not when")
    fields = {**said.fields, **when_told_late(tx, session, said.age_seconds)}
    note(tx, known, Actor.gateway(caller.gateway_id), fields, subjects_of(session))
