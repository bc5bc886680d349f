"""The export is asciicast v3 that other players read, and says the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recordings import STARTED_MICROS, cut, output, recording, recordings, shell

from doorward.domain.recording.asciicast import NoSuchStream, asciicast
from doorward.domain.recording.frames import Exited, Frame, FrameType, Partial, Resized, StreamClosed

EURO = "€".encode()
FRAMES = recording(
    (1, 500_000, shell(columns=100, rows=30)),
    (1, 1_500_000, output(b"price " + EURO[:1])),
    (2, 1_600_000, shell()),
    (2, 1_700_000, output(b"other")),
    (1, 1_750_001, output(EURO[1:] + b"\x1b[6n\x1b[1mbold")),
    (1, 2_000_000, (FrameType.INPUT, b"secret")),
    (1, 3_000_000, Resized(90, 20)),
    (1, 3_000_000, output(b"\xe2")),
    (1, 3_500_000, Partial("output", "limit")),
    (1, 4_000_000, Exited(status=3)),
    (1, 4_000_000, StreamClosed()),
)


def lines(**options: bool) -> list[Any]:
    return [json.loads(line) for line in asciicast(FRAMES, 1, **options)]


def test_the_header_holds_size_and_start() -> None:
    assert lines()[0] == {
        "version": 3,
        "term": {"cols": 100, "rows": 30, "type": "xterm-256color"},
        "timestamp": STARTED_MICROS // 1_000_000,
    }


def test_events_are_relative_and_characters_are_joined() -> None:
    assert lines()[1:] == [
        [1.0, "o", "price "],
        [0.250001, "o", "€\x1b[1mbold"],
        [1.249999, "r", "90x20"],
        [0.5, "m", "from here on output was not recorded"],
        [0.5, "o", "\ufffd"],
        [0.0, "x", "3"],
    ]


def test_the_exit_status_is_the_last_event_though_output_came_after_it() -> None:
    frames = recording((1, 0, shell()), (1, 100_000, Exited(status=9)), (1, 200_000, output(b"bye")))
    events = [json.loads(line) for line in asciicast(frames, 1)][1:]
    assert events == [[0.2, "o", "bye"], [0.0, "x", "9"]]


def test_input_is_exported_only_when_asked_for() -> None:
    assert [0.249999, "i", "secret"] in lines(with_input=True)


def test_raw_output_is_exported_only_when_asked_for() -> None:
    assert [0.250001, "o", "€\x1b[6n\x1b[1mbold"] in lines(raw=True)


def test_a_stream_that_is_not_there_is_missing() -> None:
    with pytest.raises(NoSuchStream):
        list(asciicast(FRAMES, 9))


@given(text=st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs"])), cuts=st.lists(st.integers(0, 99)))
def test_text_survives_any_cut(text: str, cuts: list[int]) -> None:
    pieces = cut(text.encode(), cuts)
    frames = recording((1, 0, shell()), *((1, 0, output(piece)) for piece in pieces), (1, 0, StreamClosed()))
    exported = [json.loads(line) for line in asciicast(frames, 1)][1:]
    assert "".join(data for _, code, data in exported if code == "o") == text


@given(frames=recordings())
def test_every_line_of_any_recording_is_an_event(frames: list[Frame]) -> None:
    for number in {frame.stream for frame in frames} - {0}:
        total = 0.0
        for line in list(asciicast(frames, number, with_input=True))[1:]:
            interval, code, data = json.loads(line)
            total += interval
            assert interval >= 0
            assert code in "oirmx"
            assert isinstance(data, str)
        moments = [frame.elapsed_micros for frame in frames if frame.stream == number]
        assert total <= (moments[-1] - moments[0]) / 1e6 + 1e-5
