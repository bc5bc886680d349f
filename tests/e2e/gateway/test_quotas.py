"""A quota ends the session that reached it, with a line and a recording that can be played, and nobody else's."""

import asyncio
from pathlib import Path

from tests.support.fake_control_plane import FakeControlPlane
from tests.support.gateway_lab import Lab, gateway_lab
from tests.support.other_client import connected

from doorward.api.bodies.gateway_calls import OpenSession, SealRecording, SessionPlan
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import UserId, new_id
from doorward.domain.recording.frames import Frame, FrameType
from doorward.domain.recording.reader import recover
from doorward.gateway.recorder.budget import MIB, RecorderLimits
from doorward.gateway.ssh import lines

SESSION_MAX = 2 * MIB
FLOOD = "echo ready; cat; exec cat /dev/zero"
"""Floods when its input has ended."""


class ManyPeople(FakeControlPlane):
    """Each session is another person's."""

    async def open_session(self, wanted: OpenSession) -> SessionPlan:
        self.user_id = UserId(new_id(SystemEntropy()))
        return await super().open_session(wanted)


async def begin(lab: Lab, command: str, *arguments: str) -> asyncio.subprocess.Process:
    process = await lab.start(*lab.command(*arguments, command))
    assert process.stdout is not None
    async with asyncio.timeout(10):
        assert (await process.stdout.readline()).strip() == b"ready"
    return process


async def lives_on(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(10):
        process.stdin.write(b"still here\n")
        assert await process.stdout.readline() == b"still here\n"
        await process.communicate(b"")
    assert process.returncode == 0


async def flooded(process: asyncio.subprocess.Process) -> tuple[bytes, str]:
    async with asyncio.timeout(20):
        out, err = await process.communicate(b"")
    assert process.returncode == 255
    return out, err.decode()


async def sealed_frames(lab: Lab, session_id: str) -> tuple[Frame, ...]:
    await lab.eventually(lambda: session_id in lab.control_plane.seals)
    data = bytes(lab.control_plane.recordings[session_id])
    kept = recover(data)
    assert kept.ended
    assert kept.valid_bytes == len(data) == lab.control_plane.seals[session_id].size_bytes
    return kept.frames


async def test_a_session_that_reaches_its_limit_ends_and_another_user_s_goes_on(tmp_path: Path) -> None:
    limits = RecorderLimits(session_bytes_max=SESSION_MAX)
    async with gateway_lab(tmp_path, control_plane=ManyPeople(), recorder=limits) as lab:
        innocent = await begin(lab, "echo ready; cat")
        flood = await begin(lab, "stty raw -echo; echo ready; exec cat /dev/zero", "-tt")
        out, err = await flooded(flood)
        first, second = (plan.session_id for plan in lab.control_plane.plans)
        assert lines.QUOTA in err
        await lab.eventually(lambda: lab.control_plane.end_reason(second) == "recorder_failed")
        frames = await sealed_frames(lab, second)
        stored = b"".join(frame.data for frame in frames if frame.type is FrameType.OUTPUT)
        assert stored.startswith(b"ready\n" + out)
        assert SESSION_MAX - 64 * 1024 < len(lab.control_plane.recordings[second]) <= SESSION_MAX
        assert [frame.type for frame in frames[-2:]] == [FrameType.STREAM_CLOSED, FrameType.END]
        await lives_on(innocent)
        await lab.eventually(lambda: lab.control_plane.end_reason(first) == "closed")


async def test_a_full_resource_ends_the_one_who_filled_it(tmp_path: Path) -> None:
    limits = RecorderLimits(resource_bytes_max=4 * MIB, short_bytes=MIB)
    async with gateway_lab(tmp_path, control_plane=ManyPeople(), recorder=limits) as lab:
        innocent = await begin(lab, "echo ready; cat")
        flood = await begin(lab, FLOOD)
        _, err = await flooded(flood)
        assert lines.QUOTA in err
        assert lab.control_plane.end_reason(lab.control_plane.plans[0].session_id) is None
        await lives_on(innocent)


async def test_window_changes_without_end_end_their_session(tmp_path: Path) -> None:
    limits = RecorderLimits(person_bytes_max=256 * 1024)
    async with gateway_lab(tmp_path, recorder=limits) as lab:
        async with connected(lab) as client:
            process = await client.create_process("echo ready; exec cat", term_type="xterm", term_size=(80, 24))
            await process.stdout.readline()
            session = lab.only_session()
            for number in range(20_000):
                if lab.control_plane.end_reason(session) is not None:
                    break
                process.change_terminal_size(80 + number % 100, 24)
                if number % 100 == 0:
                    await asyncio.sleep(0)
            await lab.eventually(lambda: lab.control_plane.end_reason(session) == "recorder_failed")
        frames = await sealed_frames(lab, session)
        assert len(lab.control_plane.recordings[session]) < 300 * 1024
        assert sum(frame.type is FrameType.RESIZED for frame in frames) > 1000


async def test_one_whose_recordings_fill_the_spool_opens_nothing_until_they_are_shipped(tmp_path: Path) -> None:
    limits = RecorderLimits(person_bytes_max=MIB)
    async with gateway_lab(tmp_path, recorder=limits) as lab:
        shipped = lab.control_plane.seal_recording
        may_seal = asyncio.Event()

        async def later(session_id: str, sealed: SealRecording) -> None:
            await may_seal.wait()
            await shipped(session_id, sealed)

        lab.control_plane.seal_recording = later  # type: ignore[method-assign]
        await flooded(await begin(lab, FLOOD))
        result = await lab.ssh("echo reached")
        assert (result.exit_code, result.stdout) == (255, b"")
        assert lines.NO_ROOM in result.stderr_text
        may_seal.set()
        await lab.eventually(lambda: not list((tmp_path / "spool").iterdir()))
        assert (await lab.ssh("echo reached")).stdout == b"reached\n"
