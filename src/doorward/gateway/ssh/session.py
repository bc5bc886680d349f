"""One live session: one user's connection, one plan, one connection to one node, any number of channels.

It begins when the authority has given a plan and ends exactly once, on whichever path comes first: `end` stops both
directions at that instant, tells every open channel why, and then seals the recording and reports. Nothing is passed on
before the watch stream has reached the plan's epoch, nor after the end (security.md 7).
"""

import asyncio
import functools
from typing import Final

from asyncssh import ChannelOpenError

from doorward.api.bodies.gateway_calls import Note, SessionEnded, SessionPlan, SessionStarted
from doorward.base.errors import DoorwardError
from doorward.domain.access.obligations import Obligations
from doorward.domain.recording import frames
from doorward.domain.recording.frames import Body, Exited, FrameType, StreamClosed
from doorward.domain.recording.levels import RecordingLevel
from doorward.domain.sessions.states import EndReason
from doorward.gateway.parts import GatewayParts
from doorward.gateway.recorder.failures import QuotaReached, RecorderFailed
from doorward.gateway.recorder.recorder import Recorder
from doorward.gateway.relays.ssh import ChannelRelay, SshRelay
from doorward.gateway.relays.verdicts import Open, Refuse
from doorward.gateway.reports import SessionReports
from doorward.gateway.sessions import Control, Sight
from doorward.gateway.ssh import lines, notes
from doorward.gateway.ssh.asyncssh_channels import ChannelEnd
from doorward.gateway.ssh.asyncssh_internals import (
    OPEN_CONNECT_FAILED,
    OPEN_PROHIBITED,
    GlobalVerdict,
    NodeConnection,
    Refusal,
    UserConnection,
)
from doorward.gateway.ssh.channels import Channels, Side
from doorward.gateway.ssh.ends import Hold, Live
from doorward.gateway.ssh.forward_pump import ForwardPump
from doorward.gateway.ssh.forwards import Forwards, Opening
from doorward.gateway.ssh.keys import MemoryKey
from doorward.gateway.ssh.node_link import LinkFailed, NodeLink
from doorward.gateway.ssh.pump import Pump
from doorward.gateway.ssh.recording import SessionRecording

EPOCH_SECONDS: Final = 5.0
"""How long a new session waits for the watch stream to catch up with its plan."""
PRINT_SECONDS: Final = 0.25
LINES_WAITING_MAX: Final = 8
DISCONNECT_BY_APPLICATION: Final = 11


class SshSession:
    """Made by `open`; then it is a `sessions.Live` for the registry and a `ChannelHost` for its pumps."""

    def __init__(self, plan: SessionPlan, obligations: Obligations, parts: GatewayParts, user: UserConnection) -> None:
        now = parts.clock.elapsed_seconds()
        self.id: Final = plan.session_id
        self.plan: Final = plan
        self._obligations = obligations
        self._parts = parts
        self.user: Final = user
        self._relay = SshRelay(obligations, RecordingLevel.parse(plan.recording_level))
        self._forwards = Forwards(self._relay.forwards, self)
        self._reports = SessionReports(
            plan.session_id, parts.outlet, self._notes_overflow, self._told, user_id=plan.user_id
        )
        self._recording = SessionRecording(None, self._hold_for_disk)
        self._deadline = now + plan.remaining_seconds
        factor_seconds = plan.factor_remaining_seconds
        self._factor_until = None if factor_seconds is None else now + factor_seconds
        self._last_act = now
        self._acted = False
        self._channels = Channels()
        self._lines: list[str] = []
        self._exits: dict[int, Exited] = {}
        self._kinds: dict[int, str] = {}
        self._bytes_in = self._bytes_out = self._streams = 0
        self._node: NodeConnection | None = None
        self._dialling: asyncio.Task[NodeConnection] | None = None
        self._is_over = False
        self._last_line = lines.OVER

    @classmethod
    def open(cls, plan: SessionPlan, key: MemoryKey, parts: GatewayParts, user: UserConnection) -> "SshSession":
        """Start recording and dialling; `Invalid` or `RecorderFailed` when the plan can not be obeyed."""
        session = cls(plan, Obligations.load(plan.obligations), parts, user)
        if RecordingLevel.parse(plan.recording_level) > RecordingLevel.NONE:
            recorder = parts.spool.open(notes.header(plan, parts), session._recorder_failed)
            session._recording = SessionRecording(recorder, session._hold_for_disk)
            session._reports.note(Note("recording.started", {"level": plan.recording_level}))
        session._dialling = parts.tasks.spawn(session._dial(key), f"dial for session {plan.session_id}")
        return session

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._is_over

    # --- what the user's connection asks ---

    def channel_requested(self, kind: bytes, data: bytes) -> Opening:
        """A verdict on a new channel."""
        if line := self.why_nothing_new():
            return Refusal(line, OPEN_PROHIBITED)
        forward = self._forwards.from_user(kind, data)
        if forward is not None:
            return forward
        granted = self._relay.channel_requested(kind)
        if isinstance(granted, Refuse):
            self.refused(granted)
            return Refusal(granted.line, OPEN_PROHIBITED)
        self.user_acted()
        return lambda: self._open_channel(granted)

    def global_request(self, name: bytes, data: bytes) -> GlobalVerdict:
        """A verdict on a request that concerns the whole connection."""
        if self.why_nothing_new():
            return False
        forward = self._forwards.global_request(name, data)
        return self._relay.global_request(name) if forward is None else forward

    def user_gone(self, *, is_violation: bool = False) -> None:
        """The user's connection has ended, by itself or because it broke the protocol."""
        self.end(EndReason.PROTOCOL_ERROR if is_violation else EndReason.CLOSED, "")

    def user_blocked(self, *, blocked: bool) -> None:
        """The user's connection takes no more for now, or takes more again."""
        change = self._channels.hold if blocked else self._channels.allow
        change(Hold.CONNECTION, Side.NODE)

    # --- what the registry asks ---

    def tick(self, now: float, control: Control) -> None:
        """Look at the deadlines; `now` in elapsed seconds."""
        if self._acted:
            self._acted = False
            self._last_act = now
        self._reports.count_refusals()
        limits = self._obligations
        if now >= self._deadline:
            self.end(EndReason.EXPIRED, lines.EXPIRED)
        elif now - self._last_act >= limits.client_idle_timeout.total_seconds():
            self.end(EndReason.IDLE, lines.IDLE)
        elif control.is_over(Sight.LEASE, now, limits.on_control_loss.total_seconds()) or control.is_over(
            Sight.WATCH, now, limits.lock.total_seconds()
        ):
            self.end(EndReason.GATEWAY_LOST, lines.CONTROL_LOST)

    def end(self, reason: EndReason, line: str) -> None:
        """It is over, now; the first call counts. `line` is shown to the user when there is one."""
        if self._is_over:
            return
        self._is_over = True
        self._last_line = line or lines.OVER
        parts = self._parts
        parts.sessions.remove(self.id)
        had_channels = bool(len(self._channels))
        self._channels.end(line)
        if line:
            # Clients drop what they have not printed yet when they are disconnected: let them print the line first.
            wait_seconds = PRINT_SECONDS if had_channels else 0.0
            farewell = functools.partial(self.user.farewell, DISCONNECT_BY_APPLICATION, line)
            asyncio.get_running_loop().call_later(wait_seconds, farewell)
        else:
            self.user.abort()
        if self._dialling is not None:
            self._dialling.cancel()
        if self._node is not None:
            self._node.abort()
        parts.tasks.spawn(self._finish(reason), f"finish session {self.id}")

    # --- what forwards ask ---

    @property
    def log_is_pressed(self) -> bool:
        """Whether events come faster than the authority takes them."""
        return self._reports.is_pressed

    async def node(self) -> NodeConnection:
        """The connection to the node, once it stands; `ChannelOpenError` when it never will."""
        return await self._dialled() if self._node is None else self._node

    def add_pump(self, pump: Live) -> None:
        """One more channel."""
        self._channels.add(pump)

    def note(self, note: Note) -> None:
        """One audit event."""
        self._reports.note(note)

    def tell_user(self, line: str) -> None:
        """Show a line on the next channel that can."""
        if line not in self._lines and len(self._lines) < LINES_WAITING_MAX:
            self._lines.append(line)

    def lines_for_user(self) -> list[str]:
        """What waits to be shown; it counts as told."""
        waiting, self._lines = self._lines, []
        return waiting

    def forward_closed(self, pump: ForwardPump, stream: int, closed: StreamClosed) -> None:
        """A forwarded connection has ended."""
        self._relay.forwards.gone()
        self._stream_closed(pump, stream, closed)

    # --- what pumps ask ---

    def why_nothing_new(self) -> str:
        """The line that says why nothing new may begin; empty when it may."""
        if self._is_over:
            return lines.OVER
        if not self._parts.sessions.may_open():
            return lines.NO_CONTROL
        is_old = self._factor_until is not None and self._parts.clock.elapsed_seconds() >= self._factor_until
        return lines.FACTOR_OLD if is_old else ""

    def flooded(self) -> None:
        """More is asked on a channel than can be passed on."""
        self.end(EndReason.PROTOCOL_ERROR, lines.FLOOD)

    def open_stream(self, opens: Open) -> int:
        """Store and note that a stream begins."""
        stream = self._recording.open_stream(opens)
        self._streams += 1
        self._kinds[stream] = opens.body.kind.value
        if opens.covered.events:
            self._reports.note(notes.stream_opened(stream, opens.body))
        return stream

    def store(self, stream: int, content: FrameType, data: bytes) -> None:
        """Store bytes."""
        self._recording.content(stream, content, data)

    def store_event(self, stream: int, body: Body, *, is_closing: bool = False) -> None:
        """Store anything else."""
        if isinstance(body, Exited):
            self._exits[stream] = body
        self._recording.event(stream, body, is_closing=is_closing)

    def keep_room(self, stream: int, size_bytes: int) -> None:
        """Keep room for closing events."""
        self._recording.keep_room(stream, size_bytes)

    def file_operated(self, stream: int, operation: str, note: frames.Note) -> None:
        """Something was done to a file."""
        self._reports.note(notes.file_operated(stream, operation, note))
        if self._reports.is_pressed and not self._channels.is_held(Hold.LOG) and not self._is_over:
            self._channels.hold(Hold.LOG, *Side)
            self._parts.tasks.spawn(self._wait_for_log(), f"wait for the log, session {self.id}")

    def file_refused(self, stream: int, operation: str, note: frames.Note) -> None:
        """Something was asked for that did not reach the node."""
        self._reports.refusal(notes.file_operated(stream, operation, note))

    def refused(self, verdict: Refuse) -> None:
        """Note a refusal."""
        if verdict.kind:
            self._reports.refusal(notes.refused(verdict))

    def failed(self, error: DoorwardError) -> None:
        """Something could not be stored."""
        self._recorder_failed(error)

    def user_acted(self) -> None:
        """The idle clock starts anew."""
        self._acted = True

    def node_end_closed(self) -> None:
        """A node's channel is gone; when the whole node is, every channel is told."""
        if self._node is not None and self._node.is_down:
            self._node_gone(None)

    def pump_closed(self, pump: Pump, stream: int | None, closed: StreamClosed) -> None:
        """A channel has ended."""
        self._relay.channel_gone()
        self._stream_closed(pump, stream, closed)

    def _stream_closed(self, pump: Live, stream: int | None, closed: StreamClosed) -> None:
        self._channels.discard(pump)
        if stream is None:
            return
        self._bytes_in += closed.input_bytes
        self._bytes_out += closed.output_bytes + closed.error_output_bytes
        try:
            self._recording.event(stream, closed)
        except DoorwardError as error:
            self._recorder_failed(error)
        kind = self._kinds.pop(stream)
        if stream > 0:
            self._reports.note(notes.stream_closed(stream, kind, self._exits.pop(stream, None), closed))

    # --- inside ---

    async def _dial(self, key: MemoryKey) -> NodeConnection:
        parts = self._parts
        link = NodeLink(
            self.plan,
            key,
            clock=parts.clock,
            on_gone=self._node_gone,
            on_blocked=self._node_blocked,
            on_channel=self._node_opens,
        )
        try:
            async with asyncio.timeout(EPOCH_SECONDS):
                await parts.sessions.reached(self.plan.epoch)
            connection = await link.dial(parts.node_options)
        except TimeoutError:
            self.end(EndReason.GATEWAY_LOST, lines.NO_CONTROL)
            raise asyncio.CancelledError from None
        except LinkFailed as failure:
            if failure.note is not None:
                self._reports.note(failure.note)
            self.end(failure.reason, failure.message)
            raise asyncio.CancelledError from failure
        if self._is_over:
            connection.abort()
            raise asyncio.CancelledError
        self._node = connection
        self._reports.started(
            SessionStarted(link.host_key_fingerprint, link.verified_by, connection.node_version[:255])
        )
        return connection

    async def _open_channel(self, relay: ChannelRelay) -> ChannelEnd:
        pump = Pump(relay, self)
        self._channels.add(pump)
        try:
            node = await self.node()
            await node.new_channel().open_towards_peer(pump.node, b"session", b"")
        except asyncio.CancelledError as error:
            pump.stop()
            raise ChannelOpenError(OPEN_CONNECT_FAILED, self._last_line) from error
        except ChannelOpenError:
            pump.stop()
            raise
        return pump.user

    async def _dialled(self) -> NodeConnection:
        if self._dialling is None:
            raise ChannelOpenError(OPEN_CONNECT_FAILED, self._last_line)
        return await asyncio.shield(self._dialling)

    def _node_gone(self, _error: Exception | None) -> None:
        if self._node is not None:
            self.end(EndReason.UPSTREAM_CLOSED, lines.NODE_CLOSED)

    def _node_opens(self, kind: bytes, data: bytes) -> Opening:
        if line := self.why_nothing_new():
            return Refusal(line, OPEN_PROHIBITED)
        return self._forwards.from_node(kind, data)

    def _node_blocked(self, blocked: bool) -> None:
        change = self._channels.hold if blocked else self._channels.allow
        change(Hold.CONNECTION, Side.USER)

    def _recorder_failed(self, error: DoorwardError) -> None:
        line = lines.QUOTA if isinstance(error, QuotaReached) else lines.RECORDER_FAILED
        self.end(EndReason.RECORDER_FAILED, line)

    def _told(self) -> None:
        self._parts.sessions.told(self.id)

    def _notes_overflow(self) -> None:
        self.end(EndReason.RECORDER_FAILED, lines.RECORDER_FAILED)

    def _hold_for_disk(self, recorder: Recorder) -> None:
        if not self._channels.is_held(Hold.DISK) and not self._is_over:
            self._channels.hold(Hold.DISK, *Side)
            self._parts.tasks.spawn(self._wait_for_disk(recorder), f"wait for the disk, session {self.id}")

    async def _wait_for_disk(self, recorder: Recorder) -> None:
        try:
            await recorder.room()
        except RecorderFailed as error:
            self._recorder_failed(error)
        finally:
            self._channels.allow(Hold.DISK, *Side)

    async def _wait_for_log(self) -> None:
        try:
            await self._reports.room()
        finally:
            self._channels.allow(Hold.LOG, *Side)

    async def _finish(self, reason: EndReason) -> None:
        facts: dict[str, object] = {"streams": self._streams}
        if self._reports.refusals_unnoted:
            facts["refusals_unnoted"] = self._reports.refusals_unnoted
        if self._reports.notes_lost:
            facts["notes_lost"] = self._reports.notes_lost
        try:
            await self._recording.seal(self._parts.spool, reason.value)
        except RecorderFailed:
            facts["recording_unsealed"] = True  # sealed at the next start, from what the disk holds
        self._reports.ended(
            SessionEnded(reason.value, self._recording.level_achieved, self._bytes_in, self._bytes_out, facts)
        )
