"""One gateway, from its start to its end.

It waits for an authority, tells it of sessions that a crash cut short, shows certificates for its names, and serves its
port until it is cancelled. Whatever fails while it runs is tried again; what a session can not go on without ends that
session and not the gateway.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from doorward.api.bodies.gateway_calls import SealRecording, SessionEnded
from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.base.errors import DoorwardError, Unavailable
from doorward.domain.recording.levels import RecordingLevel
from doorward.domain.recording.manifest import Manifest
from doorward.domain.sessions.states import EndReason
from doorward.gateway.control import TrustKeeper, keep_lease, keep_time, keep_watch
from doorward.gateway.health import GatewayHealth, HealthPages
from doorward.gateway.parts import GatewayParts
from doorward.gateway.ports import ControlPlane
from doorward.gateway.recorder.files import DiskFiles
from doorward.gateway.recorder.shipper import Shipper
from doorward.gateway.recorder.spool import Recovered, Spool
from doorward.gateway.reports import Outlet, SessionReports
from doorward.gateway.sessions import Sessions
from doorward.gateway.settings import VERSION, GatewaySettings
from doorward.gateway.ssh import lines
from doorward.gateway.ssh.asyncssh_setup import node_options
from doorward.gateway.ssh.faces import Faces
from doorward.gateway.ssh.node_link import HANDSHAKE_SECONDS
from doorward.gateway.ssh_port import GatewayPort
from doorward.net.accept import bind
from doorward.net.doors import Doors
from doorward.net.one_port import OnePort
from doorward.net.plain_http import serve_pages
from doorward.net.supervise import Report, Tasks, supervise

FIRST_CONTACT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """Handed to `on_ready`: where it listens, a function that counts, and one that waits for the first sight."""

    addresses: tuple[tuple[str, int], ...]
    health: Callable[[], GatewayHealth]
    sighted: Callable[[], Awaitable[object]]


class AuthoritySink:
    """Where recordings go: the shipper's view of a control plane."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    async def append(self, session_id: str, offset: int, data: bytes) -> int:
        """Store bytes at `offset`; the size afterwards."""
        return await self._control_plane.append_recording(session_id, offset, data)

    async def seal(self, session_id: str, manifest: Manifest, content: bytes | None) -> None:
        """The recording is whole, and `content` is all of it unless it was sent before."""
        sealed = SealRecording(_plain(manifest), manifest.size_bytes, manifest.digest_bytes, content)
        await self._control_plane.seal_recording(session_id, sealed)


async def run_gateway(
    settings: GatewaySettings,
    control_plane: ControlPlane,
    clock: Clock,
    entropy: Entropy,
    *,
    on_ready: Callable[[RunningGateway], None],
    report: Report,
) -> None:
    """Serve until cancelled. `report(name, error)` is told of what failed and is tried again."""
    listeners = [bind(host, port) for host, port in settings.listen]
    probed = [bind(*settings.metrics_listen)] if settings.metrics_listen is not None else []
    pages = HealthPages()
    try:
        async with Tasks(report) as tasks:
            for listener in probed:  # before the authority is met: that it is waited for is what a probe asks
                tasks.spawn(serve_pages(listener, pages, tasks), "answer probes")
            parts = await _contact(settings, control_plane, clock, entropy, tasks=tasks, report=report)
            faces = Faces(clock, entropy, version=VERSION, sign_in_seconds=settings.doors.sign_in_seconds)
            await _serve(settings, parts, faces, listeners, pages=pages, on_ready=on_ready, report=report)
    finally:
        for listener in (*listeners, *probed):
            listener.close()


async def _contact(
    settings: GatewaySettings,
    control_plane: ControlPlane,
    clock: Clock,
    entropy: Entropy,
    *,
    tasks: Tasks,
    report: Report,
) -> GatewayParts:
    """Wait for the authority, as long as it takes."""
    while True:
        try:
            trust = await control_plane.trust()
            break
        except DoorwardError as error:
            report("first contact with the authority", error)
            await asyncio.sleep(FIRST_CONTACT_SECONDS)
    return GatewayParts(
        control_plane=control_plane,
        sessions=Sessions(clock, settings.sessions_max),
        spool=Spool(DiskFiles(settings.spool), clock, settings.recorder),
        tasks=tasks,
        clock=clock,
        entropy=entropy,
        trust=trust,
        node_options=node_options(VERSION, HANDSHAKE_SECONDS),
        outlet=Outlet(control_plane, tasks, clock),
    )


async def _serve(
    settings: GatewaySettings,
    parts: GatewayParts,
    faces: Faces,
    listeners: list[socket.socket],
    *,
    pages: HealthPages,
    on_ready: Callable[[RunningGateway], None],
    report: Report,
) -> None:
    doors = Doors(settings.doors)
    port = GatewayPort(settings, parts, faces)
    one_port = OnePort(
        doors,
        parts.tasks,
        serve_ssh=port.serve_ssh,
        serve_tls=port.serve_tls,
        serve_ssh_in_tls=port.serve_ssh_in_tls,
        refuse_ssh=port.refuse_ssh,
    )
    control_plane, sessions = parts.control_plane, parts.sessions
    shipper = Shipper(parts.spool, AuthoritySink(control_plane), parts.clock, report)
    trust = TrustKeeper(parts)
    jobs = {
        "renew the lease": lambda: keep_lease(control_plane, sessions, parts.clock),
        "watch": lambda: keep_watch(control_plane, sessions, trust.hear),
        "keep time": lambda: keep_time(sessions),
        "renew faces": lambda: faces.keep(control_plane, parts.trust.names),
        "refresh trust": trust.keep,
        "sync recordings": parts.spool.syncer.run,
        "ship recordings": shipper.run,
    }
    for recovered in await parts.spool.recover(EndReason.GATEWAY_LOST.value):
        _report_recovered(parts, recovered)
    with contextlib.suppress(DoorwardError):  # its job tries again, and nobody is let in before it has succeeded
        await faces.renew(control_plane, parts.trust.names)
    try:
        async with asyncio.TaskGroup() as group:
            for name, run in jobs.items():
                group.create_task(supervise(name, run, report), name=name)
            for listener in listeners:
                group.create_task(one_port.serve(listener), name="accept")
            addresses = tuple((str(sock.getsockname()[0]), int(sock.getsockname()[1])) for sock in listeners)
            pages.begin(lambda: _health(parts, doors), parts.spool)
            on_ready(RunningGateway(addresses, lambda: _health(parts, doors), sessions.sighted))
    finally:
        sessions.end_all(EndReason.GATEWAY_LOST, lines.STOPPING)
        await port.close()
        await parts.tasks.settle(settings.drain_seconds)


def _report_recovered(parts: GatewayParts, recovered: Recovered) -> None:
    """A session that the last run of this gateway did not end."""
    manifest = recovered.manifest
    level = RecordingLevel.NONE.text if manifest is None else manifest.level_achieved
    kinds = () if manifest is None else manifest.kinds.values()
    reports = SessionReports(recovered.session_id, parts.outlet, _nothing)
    reports.ended(
        SessionEnded(
            reason=EndReason.GATEWAY_LOST.value,
            level_achieved=level,
            bytes_in=sum(part.input_bytes for part in kinds),
            bytes_out=sum(part.output_bytes + part.error_output_bytes for part in kinds),
            facts={"recovered": True},
        )
    )


def _health(parts: GatewayParts, doors: Doors) -> GatewayHealth:
    sessions = parts.sessions
    return GatewayHealth.of(
        doors,
        sessions=len(sessions),
        jumps=len(sessions.jumps),
        epoch=sessions.epoch,
        in_control=sessions.may_open(),
        lease_seconds=sessions.lease_seconds(),
    )


def _plain(manifest: Manifest) -> dict[str, object]:
    plain = msgspec.to_builtins(manifest)
    if not isinstance(plain, dict):
        raise Unavailable("sealing a recording: its manifest is no document")
    return plain


def _nothing() -> None:
    """There are no notes that could overflow."""
