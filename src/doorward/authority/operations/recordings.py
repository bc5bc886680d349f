"""Recordings: taken from gateways by offset, sealed and signed, listed and read by those who may.

Each viewing is an audit event before the first byte leaves, and needs `recording: play`, which the built-in
administrator does not hold. One's own recordings are listed without a right, and played with it.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from doorward.api.bodies.gateway_calls import RecordingSize, SealRecording
from doorward.api.bodies.sessions import RecordingProof
from doorward.authority.callers import GatewayCaller, UserCaller
from doorward.authority.noting import note
from doorward.authority.operations.pacing import pace_recording
from doorward.authority.operations.session_life import level_of, own_session
from doorward.authority.operations.told_events import subjects_of
from doorward.authority.ports import RecordingRow, Transaction
from doorward.authority.rights import has_right, require
from doorward.authority.services import Services
from doorward.base.errors import Conflict, Invalid, Missing
from doorward.base.ids import SessionId, checked_id
from doorward.domain.audit.event import Actor
from doorward.domain.audit.events_sessions import RECORDING_EXPORTED, RECORDING_SEALED, RECORDING_VIEWED
from doorward.domain.recording.levels import RecordingLevel
from doorward.domain.recording.manifest import Manifest
from doorward.domain.sessions.record import SessionRecord
from doorward.domain.sessions.states import EndReason

CHUNK_BYTES: Final = 256 * 1024
LIST_MAX: Final = 1000
MANIFEST_BYTES_MAX: Final = 4 * 1024 * 1024
TAKEN_WITHIN: Final = timedelta(days=30)
"""After a session's end: a gateway that was off for weeks still brings what it holds; a key that leaks later seals
nothing of sessions that are history."""
PURPOSES: Final = {"play": RECORDING_VIEWED, "export": RECORDING_EXPORTED}
_END_REASONS: Final = frozenset(reason.value for reason in EndReason)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording and the session that it is of."""

    row: RecordingRow
    session: SessionRecord


async def append_recording(
    services: Services, caller: GatewayCaller, session_id: str, offset: int, data: bytes
) -> RecordingSize:
    """Store bytes at `offset`; sending the same again changes nothing. Answers how many bytes are held."""

    def check(tx: Transaction) -> tuple[SessionRecord, bool]:
        session = own_session(tx, caller, session_id)
        return session, tx.recordings.get(session.id) is not None

    session, is_known = await services.store.read(check)
    _check_wanted(services, session)
    await _pace(services, caller, session, offset, data)
    if not is_known:
        # Its time is the session's: that of the first bytes here depends on how busy the gateway was.
        await services.store.write(lambda tx: _begin(tx, RecordingRow(session.id, session.opened)))
    size = await services.recordings.append(session.id, offset, data)
    return RecordingSize(size)


async def _pace(services: Services, caller: GatewayCaller, session: SessionRecord, offset: int, data: bytes) -> None:
    held = await services.recordings.size(session.id) if data else 0
    new_bytes = min(len(data), max(0, offset + len(data) - held))
    await pace_recording(services, caller, session, len(data), new_bytes)


def _check_wanted(services: Services, session: SessionRecord) -> None:
    """Only what was asked to be recorded has a recording, and only for a time after its end."""
    if session.level_asked == RecordingLevel.NONE.text:
        raise Invalid("taking a recording: nothing of this session is to be recorded")
    if session.ended is not None and session.ended + TAKEN_WITHIN < services.clock.now():
        raise Conflict("taking a recording: its session ended too long ago")


def _begin(tx: Transaction, row: RecordingRow) -> None:
    if tx.recordings.get(row.session_id) is None:
        tx.recordings.add(row)


async def seal_recording(services: Services, caller: GatewayCaller, session_id: str, said: SealRecording) -> None:
    """Check size and digest against what is stored, sign, close it for good; the second time changes nothing."""
    if len(json.dumps(said.manifest)) > MANIFEST_BYTES_MAX:
        raise Invalid("sealing a recording: the manifest is too long")

    def check(tx: Transaction) -> tuple[SessionRecord, RecordingRow | None]:
        session = own_session(tx, caller, session_id)
        return session, tx.recordings.get(session.id)

    session, row = await services.store.read(check)
    if row is not None and row.sealed is not None:
        if row.digest != said.digest:
            raise Conflict("sealing a recording: it is sealed already, with other bytes")
        return
    _check_wanted(services, session)
    if row is None and said.content is None:
        raise Missing("sealing a recording: nothing was stored of it")
    manifest = _checked_manifest(services, caller, session, said)
    if said.content is not None:
        await _pace(services, caller, session, 0, said.content)
        await services.recordings.append(session.id, 0, said.content)
    await services.recordings.seal(session.id, said.size_bytes, said.digest)
    signed = await services.signer.sign_manifest(
        session_id=session.id,
        digest=said.digest,
        size_bytes=said.size_bytes,
        manifest_digest=hashlib.sha256(manifest.signed_bytes()).digest(),
    )

    def work(tx: Transaction) -> None:
        session = own_session(tx, caller, session_id)
        _begin(tx, RecordingRow(session.id, session.opened))
        tx.recordings.grow(session.id, said.size_bytes)
        if not tx.recordings.seal(session.id, tx.now, said.digest, said.manifest, signed.signature):
            return
        fields = {
            "sha256": said.digest.hex(),
            "size_bytes": said.size_bytes,
            "level_achieved": level_of(session, said.manifest, manifest.level_achieved),
        }
        actor = Actor.gateway(caller.gateway_id)
        note(tx, RECORDING_SEALED, actor, fields, subjects_of(session))

    await services.store.write(work)


def _checked_manifest(
    services: Services, caller: GatewayCaller, session: SessionRecord, said: SealRecording
) -> Manifest:
    """The manifest, if it is one of ours and of exactly this recording: nothing else is signed.

    What a gateway says of bytes and levels is its word; whose session, where and at which level is ours.
    """
    manifest = Manifest.parse(msgspec.json.encode(said.manifest, order="sorted"))
    if (manifest.session_id, manifest.size_bytes, manifest.digest_bytes) != (session.id, said.size_bytes, said.digest):
        raise Invalid("sealing a recording: its manifest is of another recording")
    if (manifest.installation_id, manifest.gateway_id) != (services.installation_id, caller.gateway_id):
        raise Invalid("sealing a recording: its manifest names another installation or gateway")
    if manifest.level_asked != session.level_asked:
        raise Invalid("sealing a recording: its manifest names a level that was not asked of this session")
    if manifest.end_reason not in _END_REASONS:
        raise Invalid("sealing a recording: its manifest names no end that there is")
    return manifest


async def list_recordings(services: Services, caller: UserCaller, limit: int) -> Sequence[Recording]:
    """Newest first: all for those with `recording: list`, else one's own."""

    def work(tx: Transaction) -> list[Recording]:
        every = has_right(services, tx, caller, "recording", "list")
        rows = tx.recordings.list(max(1, min(limit, LIST_MAX)), None if every else caller.user_id)
        found = ((row, tx.sessions.get(row.session_id)) for row in rows)
        return [Recording(row, session) for row, session in found if session is not None]

    return await services.store.read(work)


async def get_recording(services: Services, caller: UserCaller, session_id: str) -> Recording:
    """One recording's facts; the same answer for another's as for none."""
    return await services.store.read(lambda tx: _visible(services, tx, caller, session_id, "read"))


async def recording_proof(services: Services, caller: UserCaller, session_id: str) -> RecordingProof:
    """What proves a sealed recording, for those who may play it; empty texts while it is not sealed."""
    found = await services.store.read(lambda tx: _visible(services, tx, caller, session_id, "play"))
    row = found.row
    sealed = row.sealed is not None and row.manifest is not None
    return RecordingProof(
        session_id=row.session_id,
        manifest=msgspec.json.encode(row.manifest, order="sorted").decode() if sealed else "",
        signature=row.signature.hex() if sealed else "",
        public_keys=[key.hex() for key in services.keys.manifest],
    )


def _visible(services: Services, tx: Transaction, caller: UserCaller, session_id: str, verb: str) -> Recording:
    identity = SessionId(checked_id(session_id))
    session = tx.sessions.get(identity)
    own = session is not None and session.user_id == caller.user_id
    if verb == "play" or not own:
        require(services, tx, caller, "recording", verb)
    row = tx.recordings.get(identity)
    if session is None or row is None:
        raise Missing("looking for a recording: there is none of that session")
    return Recording(row, session)


async def recording_content(
    services: Services, caller: UserCaller, session_id: str, purpose: str
) -> AsyncIterator[bytes]:
    """The container's bytes. The viewing is in the log before this returns."""
    viewed = PURPOSES.get(purpose)
    if viewed is None:
        raise Invalid("reading a recording: the purpose is play or export")

    def work(tx: Transaction) -> Recording:
        found = _visible(services, tx, caller, session_id, "play")
        fields = {"user_name": caller.user_name, "source": caller.source}
        actor = Actor.user(caller.user_id)
        note(tx, viewed, actor, fields, subjects_of(found.session))
        return found

    found = await services.store.write(work)
    size = await services.recordings.size(found.row.session_id)

    async def chunks() -> AsyncIterator[bytes]:
        offset = 0
        while offset < size:
            data = await services.recordings.read(found.row.session_id, offset, min(CHUNK_BYTES, size - offset))
            if not data:
                return
            offset += len(data)
            yield data

    return chunks()
