"""Recordings for tests: small real ones, and any that hypothesis can think of."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from doorward.domain.recording.container import PREAMBLE, encode_frame, frame_of
from doorward.domain.recording.frames import (
    Body,
    End,
    Exited,
    Frame,
    FrameType,
    Header,
    Note,
    Partial,
    Resized,
    Signalled,
    StreamClosed,
    StreamOpened,
)
from doorward.domain.recording.levels import StreamKind
from doorward.domain.recording.manifest import Manifest, manifest_of
from doorward.domain.recording.tally import Tally

SESSION_ID = "abcdefghijklmnopqrstuvwxyz"
STARTED_MICROS = 1_767_225_600_000_000


def header(session_id: str = SESSION_ID, level: str = "output", *, user: str = "u", node: str = "n") -> Header:
    """A plausible header."""
    return Header(
        session_id=session_id,
        installation_id="i" * 26,
        gateway_id="g" * 26,
        user_id=user * 26,
        user="alice",
        node_id=node * 26,
        node="prod-web-01",
        login="root",
        level=level,
        started_micros=STARTED_MICROS,
    )


def manifest_for(session_id: str, digest: bytes, size_bytes: int, **changes: Any) -> Manifest:
    """A manifest that is one of ours, of a container with this digest and size, but for `changes`."""
    tally = Tally()
    for frame in recording((1, 0, shell()), (1, 5, StreamClosed())):
        tally.add(frame)
    made = manifest_of(tally, size_bytes=size_bytes, digest=digest)
    return msgspec.structs.replace(made, **{"session_id": session_id, **changes})


def shell(columns: int = 80, rows: int = 24) -> StreamOpened:
    """A shell with a terminal."""
    return StreamOpened(kind=StreamKind.SHELL, level="output", term="xterm-256color", columns=columns, rows=rows)


def recording(*entries: tuple[int, int, Body | tuple[FrameType, bytes]], ended: bool = True) -> list[Frame]:
    """Frames from (stream, elapsed microseconds, body or (type, bytes)), with header and end around them."""
    frames = [frame_of(0, 0, header())]
    for stream, elapsed, content in entries:
        body = Frame(content[0], stream, elapsed, content[1]) if isinstance(content, tuple) else None
        frames.append(body or frame_of(stream, elapsed, content))  # type: ignore[arg-type]
    if ended:
        elapsed = frames[-1].elapsed_micros
        stored = sum(len(frame.data) for frame in frames)
        frames.append(frame_of(0, elapsed, End("closed", len(frames), stored)))
    return frames


def encoded(frames: Iterable[Frame]) -> bytes:
    """The file that holds `frames`."""
    return PREAMBLE + b"".join(map(encode_frame, frames))


def output(data: bytes) -> tuple[FrameType, bytes]:
    """What the resource sent."""
    return FrameType.OUTPUT, data


_CONTENT = st.one_of(
    st.tuples(st.sampled_from([FrameType.OUTPUT, FrameType.ERROR_OUTPUT, FrameType.INPUT]), st.binary(max_size=40)),
    st.builds(Resized, st.integers(0, 999), st.integers(0, 999)),
    st.builds(Signalled, st.sampled_from(["INT", "TERM"])),
    st.builds(Exited, status=st.none() | st.integers(0, 255)),
    st.builds(Note, event=st.just("sftp.read"), path=st.binary(max_size=8), size=st.integers(0, 2**53)),
    st.builds(Partial, direction=st.sampled_from(["output", "input"]), reason=st.just("limit")),
)


@st.composite
def recordings(draw: st.DrawFn) -> list[Frame]:
    """Any well-formed recording with a few streams."""
    entries: list[tuple[int, int, Body | tuple[FrameType, bytes]]] = []
    elapsed = 0
    for number in range(1, draw(st.integers(0, 3)) + 1):
        kind = draw(st.sampled_from(StreamKind))
        entries.append((number, elapsed, StreamOpened(kind=kind, level=draw(st.sampled_from(["events", "output"])))))
        for content in draw(st.lists(_CONTENT, max_size=5)):
            elapsed += draw(st.integers(0, 5_000_000))
            entries.append((number, elapsed, content))
        if draw(st.booleans()):
            entries.append((number, elapsed, StreamClosed()))
    return recording(*entries, ended=draw(st.booleans()))


def cut(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """`data` in pieces that end at `cuts` (modulo its length)."""
    places = sorted({place % (len(data) + 1) for place in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]
