"""How sessions end: on order, by time, with the node, with the recorder, with the authority; once, with a line."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.gateway_lab import Lab, gateway_lab, running
from tests.support.ssh_keys import make_key

from doorward.api.bodies.gateway_calls import Cut, WatchMessage
from doorward.domain.access.obligations import Obligations
from doorward.domain.sessions.states import EndReason
from doorward.gateway.recorder.files import DiskFile
from doorward.wire.ssh.public_key import parse_public_key_line


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made


async def begin(lab: Lab, command: str = "echo ready; cat", *arguments: str) -> asyncio.subprocess.Process:
    """A session whose command has begun."""
    process = await lab.start(*lab.command(*arguments, command))
    assert process.stdout is not None
    async with asyncio.timeout(10):
        assert (await process.stdout.readline()).strip() == b"ready"
    return process


async def finish(process: asyncio.subprocess.Process) -> str:
    """The client ends by itself; what it wrote to stderr."""
    async with asyncio.timeout(10):
        _, err = await process.communicate()
    assert process.returncode == 255
    return err.decode()


async def ended(lab: Lab, reason: str) -> None:
    await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) is not None)
    assert lab.control_plane.end_reason(lab.only_session()) == reason


async def test_a_cut_ends_a_live_session_within_a_second_and_says_why(lab: Lab) -> None:
    process = await begin(lab)
    at = time.monotonic()
    lab.control_plane.cut(lab.only_session(), message="doorward: locked by an administrator")
    err = await finish(process)
    assert time.monotonic() - at < 1.0
    assert err.splitlines()[0] == "doorward: locked by an administrator"
    await ended(lab, "locked")


async def test_with_a_terminal_the_line_ends_in_cr_lf(lab: Lab) -> None:
    process = await begin(lab, "echo ready; cat", "-tt")
    lab.control_plane.cut(lab.only_session(), message="doorward: over")
    assert "doorward: over\r\n" in await finish(process)


async def test_a_cut_stops_a_flood_within_a_second(lab: Lab) -> None:
    process = await begin(lab, "echo ready; cat /dev/urandom")
    assert process.stdout is not None
    await process.stdout.readexactly(1_000_000)
    at = time.monotonic()
    lab.control_plane.cut(lab.only_session())
    await finish(process)
    assert time.monotonic() - at < 1.5
    await ended(lab, "locked")
    (report,) = lab.control_plane.ended[lab.only_session()]
    assert report.bytes_out > 1_000_000  # what the stream that was cut had carried counts like that of one that closed


async def test_a_cut_for_a_session_that_is_not_known_yet_is_remembered(lab: Lab) -> None:
    plane = lab.control_plane
    plane.plan_epoch = plane.epoch
    original = plane.open_session

    async def cut_first(wanted):  # type: ignore[no-untyped-def]
        plan = await original(wanted)
        plane.say(WatchMessage(plane.epoch, [Cut(plan.session_id, "revoked", "doorward: revoked", plane.epoch)]))
        await asyncio.sleep(0.1)
        return plan

    plane.open_session = cut_first  # type: ignore[method-assign]
    result = await lab.ssh("echo reached")
    assert (result.exit_code, result.stdout) == (255, b"")
    assert "doorward: revoked" in result.stderr_text
    await ended(lab, "revoked")
    assert plane.started == {}


async def test_nothing_is_forwarded_before_the_watch_has_reached_the_plans_epoch(lab: Lab) -> None:
    plane = lab.control_plane
    plane.plan_epoch = plane.epoch + 1
    process = await lab.start(*lab.command("echo reached"))
    await lab.eventually(lambda: plane.plans)
    await asyncio.sleep(0.5)
    assert plane.started == {}
    plane.epoch += 1
    out, _ = await process.communicate()
    assert out == b"reached\n"


async def test_a_session_ends_when_its_time_is_over(lab: Lab) -> None:
    lab.control_plane.remaining_seconds = 1.0
    at = time.monotonic()
    assert "the time of this session is over" in await finish(await begin(lab))
    assert 0.9 < time.monotonic() - at < 3
    await ended(lab, "expired")


async def test_a_session_ends_when_its_user_does_nothing(lab: Lab) -> None:
    lab.control_plane.obligations = Obligations(client_idle_timeout=timedelta(seconds=1))
    process = await begin(lab)
    assert process.stdin is not None
    for _ in range(4):
        await asyncio.sleep(0.4)
        process.stdin.write(b"x")
    assert process.returncode is None
    assert "idle for too long" in await finish(process)
    await ended(lab, "idle")


async def test_a_program_that_draws_on_a_terminal_does_not_keep_a_session_alive(lab: Lab) -> None:
    lab.control_plane.obligations = Obligations(client_idle_timeout=timedelta(seconds=1))
    process = await begin(lab, "echo ready; while :; do echo tick; sleep 0.1; done", "-tt")
    await finish(process)
    await ended(lab, "idle")


async def test_a_session_ends_when_the_node_goes_away(lab: Lab) -> None:
    process = await begin(lab)
    lab.sshd.stop()
    assert "the node closed the connection" in await finish(process)
    await ended(lab, "upstream_closed")


async def test_a_user_who_leaves_ends_the_session(lab: Lab) -> None:
    process = await begin(lab, "echo ready; sleep 600")
    process.kill()
    await process.communicate()
    await ended(lab, "closed")


async def test_nothing_passes_that_could_not_be_recorded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    process = await begin(lab, "echo ready; read line; echo secret")

    def full(_self: DiskFile, _parts: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DiskFile, "writev", full)
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    out, err = await process.communicate()
    assert (process.returncode, out) == (255, b"")
    assert "can not be recorded any more" in err.decode()
    await ended(lab, "recorder_failed")


async def test_no_session_opens_when_recording_can_not_begin(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: DiskFile, _parts: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DiskFile, "writev", full)
    result = await lab.ssh("echo reached")
    assert (result.exit_code, result.stdout) == (255, b"")
    assert "can not be recorded" in result.stderr_text
    await ended(lab, "recorder_failed")
    assert lab.control_plane.started == {}


async def test_an_authority_that_is_away_opens_nothing_new(lab: Lab) -> None:
    lab.control_plane.is_away = True
    result = await lab.ssh("true")
    assert result.exit_code == 255
    assert "the authority" in result.stderr_text


async def test_a_session_that_may_not_go_on_unseen_is_cut_when_the_lease_runs_out(lab: Lab) -> None:
    lab.control_plane.obligations = Obligations(on_control_loss=timedelta(0))
    lab.control_plane.lease_seconds = 1.0
    process = await begin(lab)
    await asyncio.sleep(2.2)  # one renewal, so that the short lease is the one that holds
    lab.control_plane.is_away = True
    assert "out of reach for too long" in await finish(process)
    lab.control_plane.is_away = False
    await ended(lab, "gateway_lost")


async def test_a_session_goes_on_for_as_long_as_it_may_while_the_authority_is_away(lab: Lab) -> None:
    process = await begin(lab)
    lab.control_plane.is_away = True
    await asyncio.sleep(1.0)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"still here\n")
    assert await process.stdout.readline() == b"still here\n"
    await process.communicate(b"")
    assert process.returncode == 0
    lab.control_plane.is_away = False
    await ended(lab, "closed")


async def test_a_session_that_the_authority_holds_ended_is_cut(lab: Lab) -> None:
    process = await begin(lab)
    lab.control_plane.unknown.append(lab.only_session())
    await finish(process)
    await ended(lab, "gateway_lost")


async def test_stopping_the_gateway_ends_its_sessions_and_reports_them(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path) as lab:
        process = await begin(lab)
    assert "this gateway is going away" in await finish(process)
    assert lab.control_plane.end_reason(lab.only_session()) == EndReason.GATEWAY_LOST.value


async def test_a_recording_left_by_a_crash_is_sealed_and_its_session_reported_lost(lab: Lab, tmp_path: Path) -> None:
    process = await begin(lab)
    session = lab.only_session()
    crashed = tmp_path / "spool" / f"{session}.dwr"
    copy = crashed.read_bytes()
    process.kill()
    await process.communicate()
    await lab.eventually(lambda: session in lab.control_plane.seals)
    lab.control_plane.ended.clear()
    lab.control_plane.seals.clear()
    lab.control_plane.recordings.clear()
    crashed.write_bytes(copy + b"half a frame")
    async with running(lab):
        await lab.eventually(lambda: session in lab.control_plane.seals)
        await ended(lab, "gateway_lost")
    assert b"ready\n" in lab.control_plane.recordings[session]


async def test_a_node_that_is_down_is_named(lab: Lab) -> None:
    lab.sshd.stop()
    result = await lab.ssh("true")
    assert result.exit_code == 255
    assert "doorward: prod-web-01 can not be reached" in result.stderr_text
    await ended(lab, "upstream_closed")
    assert [note.type for note in lab.control_plane.notes[lab.only_session()]][-1] == "node.unreachable"


async def test_a_node_that_accepts_and_says_nothing_is_given_up(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.gateway.ssh.node_link.HANDSHAKE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lab.node.address = f"127.0.0.1:{silent.getsockname()[1]}"
        result = await lab.ssh("true")
    assert "did not finish the handshake in time" in result.stderr_text
    await ended(lab, "upstream_closed")


@pytest.mark.parametrize("shown", ["another node's certificate", "a plain key", "an earlier key"])
async def test_a_host_that_is_not_the_node_is_refused_loudly(lab: Lab, shown: str) -> None:
    plane = lab.control_plane
    if shown == "another node's certificate":
        lab.node.id = type(lab.node.id)(plane.user_id)
    elif shown == "an earlier key":
        lab.node.enrolled_key = parse_public_key_line(make_key(lab.client.directory / "later").public_line)
    else:
        lab.node.use_host_authority = False
        lab.node.host_key = parse_public_key_line(make_key(lab.client.directory / "other").public_line)
    result = await lab.ssh("echo reached")
    assert (result.exit_code, result.stdout) == (255, b"")
    assert "is not the host that it should be" in result.stderr_text
    await ended(lab, "protocol_error")
    assert plane.notes[lab.only_session()][-1].type == "node.key_mismatch"


async def test_a_node_is_accepted_by_its_known_key(lab: Lab) -> None:
    lab.node.use_host_authority = False
    lab.node.host_key = parse_public_key_line(lab.sshd.host_key_line)
    assert (await lab.ssh("true")).exit_code == 0
    await lab.eventually(lambda: lab.only_session() in lab.control_plane.started)
    assert lab.control_plane.started[lab.only_session()].host_verified_by == "key"


async def test_what_the_authority_refuses_is_said_in_a_banner(lab: Lab) -> None:
    unknown = await lab.ssh("true", node="no-such-node")
    lab.node.logins = ()
    forbidden = await lab.ssh("true")
    assert unknown.exit_code == forbidden.exit_code == 255
    first = unknown.stderr_text.splitlines()[0]
    assert first == forbidden.stderr_text.splitlines()[0] == "doorward: no such account or node, or none for you"


async def test_a_flood_does_not_grow_memory(lab: Lab) -> None:
    process = await begin(lab, "echo ready; cat /dev/zero")
    before = resident_bytes()
    await asyncio.sleep(3)
    assert resident_bytes() - before < 48 * 1024 * 1024
    process.kill()
    await process.communicate()
    await ended(lab, "closed")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
