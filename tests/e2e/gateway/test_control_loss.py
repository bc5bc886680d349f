"""The authority out of sight: nothing new begins, in no way; what lives goes on for as long as its plan says."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.support.gateway_lab import Lab, gateway_lab
from tests.support.jump_lab import GATEWAY, JumpClient

from doorward.api.bodies.gateway_calls import Lease
from doorward.domain.access.obligations import Obligations
from doorward.gateway.ssh.lines import NO_CONTROL
from doorward.gateway.ssh.session import SshSession
from doorward.wire.ssh.fields import encode_text, encode_uint32

LISTEN = encode_text("localhost") + encode_uint32(0)
DIRECT = encode_text("localhost") + encode_uint32(9) + encode_text("localhost") + encode_uint32(9)


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made


async def begun(lab: Lab, *, options: Sequence[str] = ()) -> asyncio.subprocess.Process:
    process = await lab.start(*lab.command("echo ready; cat", options=options))
    assert process.stdout is not None
    async with asyncio.timeout(10):
        assert (await process.stdout.readline()).strip() == b"ready"
    return process


async def echoes(process: asyncio.subprocess.Process) -> bool:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"still here\n")
    async with asyncio.timeout(5):
        return await process.stdout.readline() == b"still here\n"


async def lost(lab: Lab) -> None:
    """The authority goes, and the lease with it."""
    lab.control_plane.lease_seconds = 0.5
    leases = lab.control_plane.leases
    await lab.eventually(lambda: lab.control_plane.leases > leases)
    lab.control_plane.is_away = True
    assert lab.running is not None
    await lab.eventually(lambda: lab.running is not None and not lab.running.health().in_control)


async def test_a_second_channel_of_a_shared_connection_is_refused_while_the_first_goes_on(
    lab: Lab, tmp_path: Path
) -> None:
    options = (f"ControlPath={tmp_path / 'control'}", "ControlMaster=auto", "ControlPersist=60")
    process = await begun(lab, options=options)
    await lost(lab)
    second = await lab.ssh("echo reached", options=options)
    assert second.stdout == b""
    assert second.exit_code != 0
    assert NO_CONTROL in second.stderr_text
    assert await echoes(process)
    lab.control_plane.is_away = False
    process.kill()
    await process.communicate()
    assert (await lab.ssh("-O", "exit", options=options)).exit_code == 0


async def test_no_forward_no_listener_and_no_new_connection_while_the_authority_is_out_of_sight(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[SshSession] = []
    open_session = SshSession.open

    def remember(*arguments: Any) -> SshSession:
        made.append(open_session(*arguments))
        return made[-1]

    monkeypatch.setattr(SshSession, "open", remember)
    lab.control_plane.obligations = Obligations(
        port_forwarding_local=True, port_forwarding_remote=True, forward_agent=True
    )
    process = await begun(lab)
    await lost(lab)
    (session,) = made
    in_sight = session._parts.sessions.may_open
    monkeypatch.setattr(session._parts.sessions, "may_open", lambda: True)
    assert callable(session.channel_requested(b"session", b""))
    assert callable(session.channel_requested(b"direct-tcpip", DIRECT))
    assert callable(session.global_request(b"tcpip-forward", LISTEN))
    monkeypatch.setattr(session._parts.sessions, "may_open", in_sight)
    for refused in (
        session.channel_requested(b"session", b""),
        session.channel_requested(b"direct-tcpip", DIRECT),
        session._node_opens(b"forwarded-tcpip", b""),
        session._node_opens(b"auth-agent@openssh.com", b""),
    ):
        assert not callable(refused)
    assert session.global_request(b"tcpip-forward", LISTEN) is False
    assert NO_CONTROL in (await lab.ssh("true")).stderr_text
    assert await echoes(process)
    process.kill()
    await process.communicate()


async def test_no_way_through_a_jump_while_the_authority_is_out_of_sight(lab: Lab, tmp_path: Path) -> None:
    jump = JumpClient(lab, tmp_path, outer_options=(f"ControlPath {tmp_path}/outer",))
    assert (await jump.at_gateway("-M", "-f", "-N", GATEWAY)).exit_code == 0
    await lost(lab)
    refused = await jump.ssh("true")
    assert refused.exit_code == 255
    assert "refused by peer" in refused.stderr_text  # a shared connection does not hand the reason on
    assert set(lab.control_plane.minted) == set(lab.control_plane.names)
    await jump.at_gateway("-O", "exit", GATEWAY)
    assert NO_CONTROL in (await jump.at_gateway("-N", GATEWAY)).stderr_text
    assert len(lab.control_plane.jumps) == 1


@pytest.mark.parametrize("sight", ["lease and watch", "watch alone"])
async def test_a_session_outlives_control_by_what_its_plan_says_and_no_more(
    lab: Lab, sight: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = timedelta(seconds=3)
    plane = lab.control_plane
    if sight == "watch alone":
        monkeypatch.setattr("doorward.gateway.control.WATCH_SILENCE_SECONDS", 1.0)
        monkeypatch.setattr("doorward.gateway.sessions.WATCH_SILENCE_SECONDS", 1.0)
        plane.obligations = Obligations(on_control_loss=timedelta(hours=1), lock=rest)
    else:
        plane.obligations = Obligations(on_control_loss=rest, lock=timedelta(hours=1))
    process = await begun(lab)
    plane.lease_seconds = 1.0 if sight == "lease and watch" else 600.0
    leases = plane.leases
    await lab.eventually(lambda: plane.leases > leases)
    renew = plane.renew_lease
    plane.is_away = True
    if sight == "watch alone":

        async def still(live: Sequence[str], jumps: Sequence[str]) -> Lease:
            plane.is_away = False
            try:
                return await renew(live, jumps)
            finally:
                plane.is_away = True

        monkeypatch.setattr(plane, "renew_lease", still)
    at = time.monotonic()
    await asyncio.sleep(2)
    assert await echoes(process)
    async with asyncio.timeout(10):
        _, err = await process.communicate()
    assert 2.9 < time.monotonic() - at < 6
    assert "out of reach for too long" in err.decode()
    plane.is_away = False
    await lab.eventually(lambda: plane.end_reason(lab.only_session()) is not None)
    assert plane.end_reason(lab.only_session()) == "gateway_lost"
