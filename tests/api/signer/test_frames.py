"""Frames survive any cutting of the bytes; a bad length ends the connection before anything is stored."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.api.signer.frames import FrameReader, encode_frame
from doorward.wire.errors import RemoteProtocolError

PAYLOADS = st.lists(st.binary(min_size=1, max_size=64), max_size=8)


@given(PAYLOADS, st.lists(st.integers(0, 600), max_size=10))
def test_frames_do_not_depend_on_how_the_bytes_were_cut(payloads: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(map(encode_frame, payloads))
    reader = FrameReader(64)
    points = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    read = [frame for start, end in pairwise(points) for frame in reader.receive(wire[start:end])]
    assert read == payloads
    assert not reader.is_inside_frame


@given(st.binary(min_size=1, max_size=64), st.data())
def test_prefix_of_a_frame_is_awaited(payload: bytes, data: st.DataObject) -> None:
    reader = FrameReader(64)
    wire = encode_frame(payload)
    assert reader.receive(wire[: data.draw(st.integers(1, len(wire) - 1))]) == []
    assert reader.is_inside_frame


@pytest.mark.parametrize("length", [0, 65, 2**32 - 1])
def test_length_of_zero_or_beyond_the_limit_is_refused_at_once(length: int) -> None:
    with pytest.raises(RemoteProtocolError):
        FrameReader(64).receive(length.to_bytes(4, "big"))


def test_longest_frame_passes() -> None:
    assert FrameReader(64).receive(encode_frame(bytes(64))) == [bytes(64)]


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_noise_gives_frames_or_refusal_and_bounded_memory(pieces: list[bytes]) -> None:
    reader = FrameReader(64)
    try:
        for piece in pieces:
            assert all(0 < len(frame) <= 64 for frame in reader.receive(piece))
    except RemoteProtocolError:
        return
