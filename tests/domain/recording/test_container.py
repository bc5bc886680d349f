"""Frames are written within their limits; the layout never changes."""

import pytest

from doorward.base.errors import Invalid
from doorward.domain.recording.container import (
    PREAMBLE,
    OversizeFrame,
    encode_body,
    encode_frame,
    frame_of,
    frame_parts,
    pieces,
)
from doorward.domain.recording.frames import PAYLOAD_BYTES_MAX, Frame, FrameType, Resized, Signalled


def test_the_layout_never_changes() -> None:
    assert PREAMBLE.hex() == "894457520d0a1a0a00010000"
    frame = encode_frame(Frame(FrameType.OUTPUT, 1, 258, b"hi"))
    assert frame.hex() == "00000002" + "03" + "00000001" + "0000000000000102" + b"hi".hex() + "af29d2ed"
    assert encode_body(Resized(80, 24)) == b'{"columns":80,"rows":24}'


def test_a_payload_beyond_the_limit_is_refused() -> None:
    frame_parts(FrameType.OUTPUT, 1, 0, bytes(PAYLOAD_BYTES_MAX))
    with pytest.raises(OversizeFrame):
        frame_parts(FrameType.OUTPUT, 1, 0, bytes(PAYLOAD_BYTES_MAX + 1))


def test_long_output_is_cut_into_payloads_that_fit() -> None:
    data = bytes(range(256)) * (PAYLOAD_BYTES_MAX // 128)
    cut = list(pieces(data))
    assert [len(piece) for piece in cut] == [PAYLOAD_BYTES_MAX] * 2
    assert b"".join(cut) == data
    assert list(pieces(b"")) == []


def test_the_payload_is_handed_on_without_a_copy() -> None:
    payload = memoryview(b"abc")
    assert frame_parts(FrameType.OUTPUT, 1, 0, payload)[1] is payload


@pytest.mark.parametrize(("stream", "elapsed"), [(-1, 0), (2**32, 0), (1, -1), (1, 2**63)])
def test_numbers_out_of_range_are_refused(stream: int, elapsed: int) -> None:
    with pytest.raises(Invalid):
        encode_frame(Frame(FrameType.OUTPUT, stream, elapsed, b""))


def test_a_field_that_is_no_json_is_refused() -> None:
    with pytest.raises(Invalid):
        encode_frame(frame_of(1, 0, Signalled("\ud800")))
