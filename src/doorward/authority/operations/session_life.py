"""What a gateway reports of its sessions: started, what happened inside, ended.

A gateway may speak of its own sessions only, and only in the types of event that the catalogue opens to gateways.
"""

from dataclasses import replace
from typing import Any, Final

from doorward.api.bodies.gateway_calls import Note, SessionEnded, SessionReport, SessionStarted
from doorward.authority.callers import GatewayCaller
from doorward.authority.gateway_limits import Work
from doorward.authority.noting import note
from doorward.authority.operations.pacing import pace
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Conflict, Invalid, Missing
from doorward.base.ids import SessionId, checked_id
from doorward.domain.audit.catalogue import UnknownEventType, reportable_by_gateway
from doorward.domain.audit.event import Actor, Subjects
from doorward.domain.audit.events_sessions import SESSION_ENDED, SESSION_STARTED
from doorward.domain.recording.levels import RecordingLevel
from doorward.domain.sessions.record import FACTOR_GIVEN, SessionRecord
from doorward.domain.sessions.states import EndReason, SessionState

FACT_TEXT_MAX: Final = 512
FACTS_MAX: Final = 32
# Started and ended stand apart in a report, and move the state; as mere notes they would say what is not so.
_NOT_AS_NOTES: Final = frozenset({SESSION_STARTED.name, SESSION_ENDED.name})

_OURS: Final = frozenset(
    {
        EndReason.DROPPED,
        EndReason.REVOKED,
        EndReason.LOCKED,
        EndReason.POLICY_CHANGED,
        EndReason.TARGET_CHANGED,
        EndReason.CRITICALITY_RISEN,
        EndReason.WORK_ORDER_CLOSED,
    }
)
"""Reasons of ours: one of them stands already when we have cut the session; a gateway's word alone is not enough."""
_OUR_FACTS: Final = frozenset({"presumed", "session_key", "signed_in_from", FACTOR_GIVEN})


def own_session(tx: Transaction, caller: GatewayCaller, session_id: str) -> SessionRecord:
    """The gateway's own session; another's is as missing as none."""
    return checked_owner(tx.sessions.get(SessionId(checked_id(session_id))), caller)


def checked_owner(found: SessionRecord | None, caller: GatewayCaller) -> SessionRecord:
    """The session if it is this gateway's; else `Missing`, also where there is none."""
    if found is None or found.gateway_id != caller.gateway_id:
        raise Missing("looking for a session: this gateway has none of that id")
    return found


def untold(session: SessionRecord, said: SessionReport) -> list[Note]:
    """The notes that are not in the log yet; numbers that are left out are a gateway's to leave out."""
    known = session.notes_taken - said.first_note + 1
    return said.notes[max(0, known) :]


def subjects_of(session: SessionRecord) -> Subjects:
    """What an event about a session is searched by."""
    return Subjects(
        user=session.user_id,
        node=session.node_id,
        session=session.id,
        sign_in=session.sign_in_id,
        gateway=session.gateway_id,
    )


def bounded_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Small plain values only; anything else is refused, since it is shown to people later."""
    if len(facts) > FACTS_MAX:
        raise Invalid("reading facts of a session: too many")
    for name, value in facts.items():
        fits = isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= FACT_TEXT_MAX)
        if not fits or len(name) > 64:
            raise Invalid("reading facts of a session: short texts and numbers are expected")
    return facts


async def report_session(services: Services, caller: GatewayCaller, session_id: str, said: SessionReport) -> None:
    """Opening → active, audit events from inside, any live state → ended; all of it or nothing.

    What is said twice changes nothing the second time: a gateway that did not hear our answer says it again. Notes are
    known by their numbers, under the lock of the session's row.
    """
    reason = None if said.ended is None else _reported_reason(said.ended)
    await pace(services, caller, Work.NOTES, max(1, len(said.notes)))

    def work(tx: Transaction) -> None:
        session = checked_owner(tx.sessions.hold(SessionId(checked_id(session_id))), caller)
        notes = untold(session, said)
        if notes and session.state is SessionState.ENDED:
            raise Conflict("noting what happened in a session: it has ended")
        if said.started is not None:
            session = _start(tx, caller, session, said.started)
        take_notes(tx, caller, session, said, notes)
        if said.ended is not None and reason is not None:
            _end(tx, caller, session, said.ended, reason)

    await services.store.write(work)
    if said.ended is not None:
        services.bell.ring()


def _reported_reason(ended: SessionEnded) -> EndReason:
    try:
        reason = EndReason(ended.reason)
    except ValueError as error:
        raise Invalid("ending a session: the reason is not one of the closed list") from error
    bounded_facts(ended.facts)
    return EndReason.CLOSED if reason in _OURS else reason


def _start(tx: Transaction, caller: GatewayCaller, session: SessionRecord, said: SessionStarted) -> SessionRecord:
    facts = {
        **session.facts,
        "host_key": said.host_key_fingerprint,
        "host_verified_by": said.host_verified_by,
        "upstream_version": said.upstream_version[:FACT_TEXT_MAX],
    }
    if not tx.sessions.start(session.id, tx.now, facts):
        return session  # started before, or cut while it was opening: what the cut ordered stands
    fields = {"node_key": said.host_key_fingerprint}
    note(tx, SESSION_STARTED, Actor.gateway(caller.gateway_id), fields, subjects_of(session))
    return replace(session, facts=facts)


def take_notes(
    tx: Transaction, caller: GatewayCaller, session: SessionRecord, said: SessionReport, notes: list[Note]
) -> None:
    """Log `notes`, the last of what was said, and remember how far it went."""
    for one in notes:
        _note(tx, caller, session, one)
    if notes:
        tx.sessions.took_notes(session.id, said.first_note + len(said.notes) - 1)


def _note(tx: Transaction, caller: GatewayCaller, session: SessionRecord, said: Note) -> None:
    try:
        known = reportable_by_gateway(said.type)
    except UnknownEventType as error:
        raise Invalid("noting what happened in a session: a gateway does not report events of that type") from error
    if known.name in _NOT_AS_NOTES:
        raise Invalid("noting what happened in a session: a gateway does not report events of that type")
    note(tx, known, Actor.gateway(caller.gateway_id), said.fields, subjects_of(session))


def _end(tx: Transaction, caller: GatewayCaller, session: SessionRecord, said: SessionEnded, reason: EndReason) -> None:
    level = _level(tx, session, said.level_achieved)
    added = {name: value for name, value in said.facts.items() if name not in _OUR_FACTS}
    ended = tx.sessions.end(
        session.id,
        reason,
        tx.now,
        level_achieved=level,
        bytes_in=said.bytes_in,
        bytes_out=said.bytes_out,
        facts={**added, **session.facts},
    )
    if not ended:
        return
    fields = {
        "reason": str(session.end_reason or reason),
        "level_achieved": level,
        "how": "reported",
        "bytes_in": said.bytes_in,
        "bytes_out": said.bytes_out,
    }
    note(tx, SESSION_ENDED, Actor.gateway(caller.gateway_id), fields, subjects_of(session))


def _level(tx: Transaction, session: SessionRecord, said: str) -> str:
    """As reported, but never above what was asked for, nor above what a sealed recording's manifest says."""
    recording = tx.recordings.get(session.id)
    manifest = {} if recording is None or recording.manifest is None else recording.manifest
    claims = (said, session.level_asked, str(manifest.get("level_achieved", said)))
    return min(_parsed(claim) for claim in claims).text


def _parsed(level: str) -> RecordingLevel:
    try:
        return RecordingLevel.parse(level)
    except Invalid:
        return RecordingLevel.NONE
