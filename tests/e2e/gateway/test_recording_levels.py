"""What each level stores of commands and shells, with the stock client through a real gateway."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from demo.terminal import Terminal
from tests.support.gateway_lab import Lab, gateway_lab

from doorward.domain.recording.frames import Frame, FrameType, StreamClosed
from doorward.domain.recording.reader import recover

STORED = {
    "events": set[FrameType](),
    "output": {FrameType.OUTPUT, FrameType.ERROR_OUTPUT},
    "output+input": {FrameType.OUTPUT, FrameType.ERROR_OUTPUT, FrameType.INPUT},
    "strict": {FrameType.OUTPUT, FrameType.ERROR_OUTPUT, FrameType.INPUT},
}
"""Of a command; a terminal has no error output of its own."""
CONTENT = {FrameType.OUTPUT, FrameType.ERROR_OUTPUT, FrameType.INPUT}
SECRET = "my-pass-word"
COMMAND = "read x; echo out-$((1)); echo err-$((1)) >&2"


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made


async def frames_of(lab: Lab) -> tuple[Frame, ...]:
    """The sealed recording of the one session."""
    session = lab.only_session()
    await lab.eventually(lambda: session in lab.control_plane.seals)
    data = bytes(lab.control_plane.recordings[session])
    kept = recover(data)
    assert kept.valid_bytes == len(data)
    assert kept.ended
    return kept.frames


def content(frames: tuple[Frame, ...], kind: FrameType) -> bytes:
    return b"".join(frame.data for frame in frames if frame.type is kind)


def check_manifest(lab: Lab, kind: str, level: str) -> None:
    manifest = lab.control_plane.seals[lab.only_session()].manifest
    part = manifest["kinds"][kind]
    assert (manifest["level_asked"], manifest["level_achieved"], manifest["partial"]) == (level, level, False)
    assert (part["streams"], part["asked"], part["achieved"]) == (1, level, level)


async def shell(lab: Lab) -> str:
    """What somebody saw who typed a password that is not shown, in a shell."""

    def visit() -> str:
        with Terminal(lab.command(), lab.client.environment()) as terminal:
            terminal.enter("stty -echo; echo now-$((1)); read x; stty echo; echo out-$((1))\n")
            terminal.read_until("now-1")
            terminal.enter(f"{SECRET}\n")
            terminal.read_until("out-1")
            terminal.enter("exit\n")
            terminal.wait()
            return terminal.screen

    return await asyncio.to_thread(visit)


@pytest.mark.parametrize("level", STORED)
async def test_of_a_command_exactly_what_the_level_says_is_stored(lab: Lab, level: str) -> None:
    lab.control_plane.recording_level = level
    result = await lab.ssh(COMMAND, stdin=f"{SECRET}\n".encode())
    assert (result.exit_code, result.stdout, result.stderr) == (0, b"out-1\n", b"err-1\n")
    frames = await frames_of(lab)
    assert {frame.type for frame in frames} & CONTENT == STORED[level]
    expected = {
        FrameType.OUTPUT: b"out-1\n",
        FrameType.ERROR_OUTPUT: b"err-1\n",
        FrameType.INPUT: f"{SECRET}\n".encode(),
    }
    for kind in STORED[level]:
        assert content(frames, kind) == expected[kind]
    closed = [frame.content for frame in frames if isinstance(frame.content, StreamClosed)]
    assert closed == [StreamClosed(output_bytes=6, error_output_bytes=6, input_bytes=len(SECRET) + 1)]
    check_manifest(lab, "exec", level)


@pytest.mark.parametrize("level", STORED)
async def test_of_a_shell_exactly_what_the_level_says_is_stored(lab: Lab, level: str) -> None:
    lab.control_plane.recording_level = level
    seen = await shell(lab)
    assert SECRET not in seen
    frames = await frames_of(lab)
    stored = STORED[level] - {FrameType.ERROR_OUTPUT}
    assert {frame.type for frame in frames} & CONTENT == stored
    assert (SECRET.encode() in bytes(lab.control_plane.recordings[lab.only_session()])) == (FrameType.INPUT in stored)
    if FrameType.OUTPUT in stored:
        assert b"out-1" in content(frames, FrameType.OUTPUT)
    if FrameType.INPUT in stored:
        assert f"{SECRET}\r".encode() in content(frames, FrameType.INPUT)
    check_manifest(lab, "shell", level)


async def test_at_none_no_recording_is_made(lab: Lab, tmp_path: Path) -> None:
    lab.control_plane.recording_level = "none"
    assert (await lab.ssh(COMMAND, stdin=b"x\n")).stdout == b"out-1\n"
    session = lab.only_session()
    await lab.eventually(lambda: lab.control_plane.end_reason(session) == "closed")
    assert lab.control_plane.recordings == {}
    assert lab.control_plane.seals == {}
    assert list((tmp_path / "spool").iterdir()) == []
    assert lab.control_plane.ended[session][0].level_achieved == "none"
