"""A recording reads back as written, however it is cut, and damage is never taken for content."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recordings import cut, encoded, header, output, recording, recordings, shell

from doorward.domain.recording.container import CHECKSUM, FRAME_HEADER, PREAMBLE, encode_frame, frame_of, frame_parts
from doorward.domain.recording.frames import PAYLOAD_BYTES_MAX, End, Frame, FrameType, Resized, StreamClosed
from doorward.domain.recording.reader import (
    BUFFER_BYTES_MAX,
    NEED_DATA,
    ContainerReader,
    CorruptRecording,
    NeedData,
    frames_in,
    recover,
)

CUTS = st.lists(st.integers(0, 10_000), max_size=12)


def read(pieces: list[bytes]) -> list[Frame]:
    reader = ContainerReader()
    frames = []
    for piece in pieces:
        reader.receive(piece)
        while not isinstance(event := reader.next_event(), NeedData):
            frames.append(event)
    return frames


@given(frames=recordings(), cuts=CUTS)
def test_frames_do_not_depend_on_how_the_file_was_cut(frames: list[Frame], cuts: list[int]) -> None:
    assert read(cut(encoded(frames), cuts)) == frames


@given(frames=recordings(), data=st.data())
def test_a_torn_file_gives_every_frame_before_the_tear(frames: list[Frame], data: st.DataObject) -> None:
    whole = encoded(frames)
    length = data.draw(st.integers(0, len(whole)))
    sizes = [len(PREAMBLE)]
    for frame in frames:
        sizes.append(sizes[-1] + len(encode_frame(frame)))
    kept = recover(whole[:length])
    expected = max([size for size in sizes if size <= length], default=0)
    assert kept.valid_bytes == expected
    assert list(kept.frames) == frames[: max(sizes.index(expected), 0) if expected else 0]
    assert recover(whole[: kept.valid_bytes]).valid_bytes == kept.valid_bytes


@given(frames=recordings(), data=st.data())
def test_one_flipped_bit_never_changes_what_is_read(frames: list[Frame], data: st.DataObject) -> None:
    whole = bytearray(encoded(frames))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    kept = recover(bytes(whole))
    assert list(kept.frames) == frames[: len(kept.frames)]
    assert len(kept.frames) < len(frames)


@given(noise=st.binary(max_size=200), with_preamble=st.booleans())
def test_noise_gives_no_frames_and_no_surprise(noise: bytes, with_preamble: bool) -> None:
    kept = recover(PREAMBLE + noise if with_preamble else noise)
    assert kept.frames == ()


def test_a_corrupt_recording_stays_corrupt() -> None:
    reader = ContainerReader()
    reader.receive(b"not a recording")
    for _ in range(2):
        with pytest.raises(CorruptRecording):
            reader.next_event()


def test_an_unknown_version_is_refused() -> None:
    later = PREAMBLE[:8] + struct.pack(">HH", 2, 0)
    reader = ContainerReader()
    reader.receive(later)
    with pytest.raises(CorruptRecording, match="version 1"):
        reader.next_event()


def test_a_frame_may_not_announce_more_than_the_limit() -> None:
    reader = ContainerReader()
    reader.receive(PREAMBLE + struct.pack(">IBIQ", PAYLOAD_BYTES_MAX + 1, 3, 1, 0))
    with pytest.raises(CorruptRecording, match="too large"):
        reader.next_event()


def test_the_buffer_is_bounded() -> None:
    reader = ContainerReader()
    with pytest.raises(ValueError, match="drained"):
        reader.receive(bytes(BUFFER_BYTES_MAX + 1))


def test_the_largest_frame_passes() -> None:
    payload = bytes(PAYLOAD_BYTES_MAX)
    frames = recording((1, 0, shell()), (1, 0, output(payload)))
    assert read([encoded(frames)])[2].data == payload


OPENED = frame_of(1, 5, shell())
START = [frame_of(0, 0, header()), OPENED]


@pytest.mark.parametrize(
    "frames",
    [
        [OPENED],
        [*START, frame_of(0, 6, header())],
        [*START, frame_of(1, 6, shell())],
        [*START, Frame(FrameType.OUTPUT, 2, 6, b"x")],
        [*START, Frame(FrameType.OUTPUT, 0, 6, b"x")],
        [*START, Frame(FrameType.OUTPUT, 1, 4, b"x")],
        [*START, frame_of(1, 6, StreamClosed()), Frame(FrameType.OUTPUT, 1, 6, b"x")],
        [*START, frame_of(1, 6, End("closed", 2, 0))],
        [*START, frame_of(0, 6, End("closed", 2, 0)), Frame(FrameType.OUTPUT, 1, 6, b"x")],
    ],
    ids=[
        "no header",
        "second header",
        "stream number used again",
        "stream never opened",
        "content of the session itself",
        "time goes back",
        "content after close",
        "end inside a stream",
        "content after the end",
    ],
)
def test_frames_out_of_order_are_refused(frames: list[Frame]) -> None:
    reader = ContainerReader()
    reader.receive(encoded(frames))
    for _ in frames[:-1]:
        assert reader.next_event() is not NEED_DATA
    with pytest.raises(CorruptRecording):
        reader.next_event()


@pytest.mark.parametrize(
    ("number", "payload"),
    [
        (FrameType.RESIZED, b'{"columns":1}'),
        (FrameType.RESIZED, b'{"columns":1,"rows":2,"more":3}'),
        (FrameType.RESIZED, b"\xff"),
        (FrameType.PARTIAL, b'{"direction":"both","reason":""}'),
        (99, b"{}"),
    ],
)
def test_fields_that_do_not_fit_are_refused_even_with_a_right_checksum(number: int, payload: bytes) -> None:
    reader = ContainerReader()
    reader.receive(encoded(START) + b"".join(frame_parts(number, 1, 9, payload)))
    for _ in START:
        reader.next_event()
    with pytest.raises(CorruptRecording):
        reader.next_event()


def test_an_unreadable_level_in_the_header_is_refused() -> None:
    bad = encode_frame(frame_of(0, 0, header())).replace(b'"level":"output"', b'"level":"Output"')
    payload = bad[17:-4]
    assert recover(PREAMBLE + b"".join(frame_parts(FrameType.HEADER, 0, 0, payload))).frames == ()


def test_a_body_survives_its_bytes() -> None:
    frames = recording((1, 0, shell()), (1, 1, Resized(120, 40)))
    assert read([encoded(frames)])[2].content == Resized(120, 40)


@given(frames=recordings(), cuts=CUTS, torn=st.integers(0, 30))
def test_a_recording_in_chunks_gives_its_frames_as_far_as_it_goes(
    frames: list[Frame], cuts: list[int], torn: int
) -> None:
    whole = encoded(frames)
    kept = whole[: len(whole) - torn]
    assert list(frames_in(cut(kept, cuts))) == list(recover(kept).frames)


def test_damage_is_told_after_what_was_whole() -> None:
    chunks = iter([encoded(recording(ended=False)), b"x" * 40])
    frames = frames_in(chunks)
    assert next(frames).type is FrameType.HEADER
    with pytest.raises(CorruptRecording):
        next(frames)


def test_a_field_whose_name_is_no_text_is_corrupt() -> None:
    whole = encode_frame(frame_of(0, 0, header()))
    payload = whole[FRAME_HEADER.size : -CHECKSUM.size].replace(b'"user"', b'"use\xe3"')
    start = whole[: FRAME_HEADER.size]
    reader = ContainerReader()
    reader.receive(PREAMBLE + start + payload + CHECKSUM.pack(zlib.crc32(start + payload)))
    with pytest.raises(CorruptRecording):
        reader.next_event()
