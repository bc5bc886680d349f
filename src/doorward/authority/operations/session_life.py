"""What a gateway reports of its sessions: started, what happened inside, ended.

A gateway may speak of its own sessions only, and only in the types of event that the catalogue opens to gateways. What
it tells of a session that was presumed over in the meantime is taken too, within bounds (`domain.sessions.late`); its
end is then a correction beside the entries that are there, and the session's state, reason and time stay as they are.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from doorward.api.bodies.gateway_calls import SessionEnded, SessionReport, SessionStarted
from doorward.authority.callers import GatewayCaller
from doorward.authority.known_gateway import known_gateway
from doorward.authority.noting import note
from doorward.authority.operations.pacing import pace_notes
from doorward.authority.operations.told_events import subjects_of, take_notes, untold, when_told_late
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.clock import to_micros
from doorward.base.errors import Conflict, Invalid, Missing
from doorward.base.ids import SessionId, checked_id
from doorward.domain.audit.event import Actor
from doorward.domain.audit.event_types import HAPPENED
from doorward.domain.audit.events_sessions import (
    SESSION_CORRECTED,
    SESSION_ENDED,
    SESSION_REPORT_REFUSED,
    SESSION_STARTED,
)
from doorward.domain.recording.levels import RecordingLevel
from doorward.domain.sessions.late import NotTaken, happened, why_not_taken
from doorward.domain.sessions.record import FACTOR_GIVEN, PRESUMED, SessionRecord
from doorward.domain.sessions.states import EndReason, SessionState

FACT_TEXT_MAX: Final = 512
FACTS_MAX: Final = 32

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
REASON_TOLD: Final = "reason_told"
ENDED_TOLD: Final = "ended_told"
"""Facts of a session that was presumed over: why and when it ended as its gateway told later."""
REPORT_REFUSED: Final = "report_refused"
"""The fact that says why more that its gateway told was not taken."""
_OUR_FACTS: Final = frozenset(
    {PRESUMED, "session_key", "signed_in_from", FACTOR_GIVEN, REASON_TOLD, ENDED_TOLD, REPORT_REFUSED}
)


class ReportRefused(Conflict):
    """More is told of a session than is taken of one that is over; the log says so."""

    code = "session_report_refused"


def own_session(tx: Transaction, caller: GatewayCaller, session_id: str) -> SessionRecord:
    """The gateway's own session; another's is as missing as none."""
    return checked_owner(tx.sessions.get(SessionId(checked_id(session_id))), caller)


def checked_owner(found: SessionRecord | None, caller: GatewayCaller) -> SessionRecord:
    """The session if it is this gateway's; else `Missing`, also where there is none."""
    if found is None or found.gateway_id != caller.gateway_id:
        raise Missing("looking for a session: this gateway has none of that id")
    return found


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
    if said.ended is not None:
        _reported_reason(said.ended)  # what is refused anyway waits for nothing
    if said.notes:  # start and end wait for nobody's events
        session = await services.store.read(lambda tx: own_session(tx, caller, session_id))
        await pace_notes(services, caller, session, len(said.notes))

    def work(tx: Transaction) -> NotTaken | None:
        session = checked_owner(tx.sessions.hold(SessionId(checked_id(session_id))), caller)
        if session.state is SessionState.ENDED:
            return _take_late(tx, caller, session, said)
        if said.started is not None:
            session = _start(tx, caller, session, said.started)
        take_notes(tx, caller, session, said)
        if said.ended is not None:
            _end(tx, caller, session, said.ended)
        return None

    not_taken = await services.store.write(work)
    if not_taken is not None:
        raise ReportRefused(f"noting what happened in a session: it is over ({not_taken})")
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
    when = happened(session, tx.now, said.age_seconds)
    if not tx.sessions.start(session.id, tx.now, facts) and not tx.sessions.started_late(session.id, when, facts):
        return session  # started before
    # Of one that was cut or presumed over before this was told the state stays; that it stood is in the log anyway.
    fields = {"node_key": said.host_key_fingerprint, **when_told_late(tx, session, said.age_seconds)}
    note(tx, SESSION_STARTED, Actor.gateway(caller.gateway_id), fields, subjects_of(session))
    return replace(session, facts=facts)


def _end(tx: Transaction, caller: GatewayCaller, session: SessionRecord, said: SessionEnded) -> None:
    reason = _reported_reason(said)
    level = _level(tx, session, said.level_achieved)
    ended = tx.sessions.end(
        session.id,
        reason,
        tx.now,
        level_achieved=level,
        bytes_in=said.bytes_in,
        bytes_out=said.bytes_out,
        facts={**_added(said), **session.facts},
    )
    if not ended:
        return
    fields = {
        "reason": str(session.end_reason or reason),
        "level_achieved": level,
        "how": "reported",
        "bytes_in": said.bytes_in,
        "bytes_out": said.bytes_out,
        **when_told_late(tx, session, said.age_seconds),
    }
    note(tx, SESSION_ENDED, Actor.gateway(caller.gateway_id), fields, subjects_of(session))


def _added(said: SessionEnded) -> dict[str, Any]:
    return {name: value for name, value in said.facts.items() if name not in _OUR_FACTS}


def _take_late(tx: Transaction, caller: GatewayCaller, session: SessionRecord, said: SessionReport) -> NotTaken | None:
    """What is told of a session that is over; why it is not taken, or None."""
    count = len(untold(session, said))
    is_news = session.is_presumed and (said.ended is not None or (said.started is not None and session.started is None))
    if not count and not is_news:
        return None  # said again
    refused = why_not_taken(session, count, tx.now)
    if refused is not None:
        _refuse(tx, caller, session, refused, count)
        return refused
    known_gateway(tx, caller)  # one that was sent away meanwhile is believed nothing more
    if said.started is not None:
        session = _start(tx, caller, session, said.started)
    take_notes(tx, caller, session, said, late=count)
    if said.ended is not None:
        _correct(tx, caller, replace(session, late_notes=session.late_notes + count), said.ended)
    return None


def _refuse(tx: Transaction, caller: GatewayCaller, session: SessionRecord, why: NotTaken, notes: int) -> None:
    """Nothing that is told is dropped in silence; but a gateway can tell as often as it likes."""
    if REPORT_REFUSED in session.facts:
        return
    tx.sessions.add_facts(session.id, {REPORT_REFUSED: str(why)})
    actor = Actor.gateway(caller.gateway_id)
    note(tx, SESSION_REPORT_REFUSED, actor, {"reason": str(why), "notes": notes}, subjects_of(session))


def _correct(tx: Transaction, caller: GatewayCaller, session: SessionRecord, said: SessionEnded) -> None:
    presumed = session.end_reason
    # What we cut was cut for our reason, whoever tells of it.
    told = presumed if presumed in _OURS else _reported_reason(said)
    level = _level(tx, session, said.level_achieved)
    when = happened(session, tx.now, said.age_seconds)
    facts = {**_added(said), **session.facts, REASON_TOLD: str(told), ENDED_TOLD: when.isoformat()}
    counts = {"bytes_in": said.bytes_in, "bytes_out": said.bytes_out}
    if not tx.sessions.correct(session.id, tx.now, level_achieved=level, facts=facts, **counts):
        return
    fields = {
        "reason": str(told),
        "reason_presumed": str(presumed or ""),
        "level_achieved": level,
        "late_notes": session.late_notes,
        HAPPENED: to_micros(when),
        **counts,
    }
    note(tx, SESSION_CORRECTED, Actor.gateway(caller.gateway_id), fields, subjects_of(session))


def _level(tx: Transaction, session: SessionRecord, said: str) -> str:
    recording = tx.recordings.get(session.id)
    return level_of(session, None if recording is None else recording.manifest, said)


def level_of(session: SessionRecord, manifest: Mapping[str, Any] | None, said: str) -> str:
    """As reported, but never above what was asked for, nor above what the recording's manifest says."""
    sealed = said if manifest is None else str(manifest.get("level_achieved", said))
    return min(_parsed(claim) for claim in (said, session.level_asked, sealed)).text


def _parsed(level: str) -> RecordingLevel:
    try:
        return RecordingLevel.parse(level)
    except Invalid:
        return RecordingLevel.NONE
