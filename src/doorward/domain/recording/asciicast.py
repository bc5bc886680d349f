"""One stream of a recording as asciicast v3 (https://docs.asciinema.org/manual/asciicast/v3/).

Newline-delimited JSON: a header, then `[seconds since the previous event, code, data]` with codes o (output), i
(input), r (resize), m (marker), x (exit status). Output is filtered as for a replay unless `raw` is asked for, since
players write it to a terminal as it is. Characters cut between frames are joined; broken ones become U+FFFD.

The exit status is the last event, as the format wants it: a node says it when the program has ended, which may be
before the last of what the program wrote.
"""

import codecs
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from doorward.base.errors import Missing
from doorward.domain.recording.frames import (
    Body,
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
from doorward.domain.recording.note_text import note_text
from doorward.domain.recording.screen_filter import ScreenFilter

DEFAULT_COLUMNS: Final = 80  # a stream without a terminal has no size, and the format demands one
DEFAULT_ROWS: Final = 24
STATUS_UNKNOWN: Final = 255  # what ssh reports when a command was ended by a signal
_MICROS: Final = 1_000_000
_CODES: Final = {FrameType.OUTPUT: "o", FrameType.ERROR_OUTPUT: "o", FrameType.INPUT: "i"}


class NoSuchStream(Missing):
    """The recording has no such stream."""

    code = "no_such_stream"


class _Text:
    """Bytes of one direction to text, across frames."""

    def __init__(self, *, raw: bool) -> None:
        self._filter = None if raw else ScreenFilter()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, data: bytes, *, final: bool = False) -> str:
        safe = data if self._filter is None else self._filter.feed(data, final=final)
        return self._decoder.decode(safe, final)


def asciicast(frames: Iterable[Frame], stream: int, *, with_input: bool = False, raw: bool = False) -> Iterator[bytes]:
    """The lines of the export, each with its line end; `NoSuchStream` when `stream` never opened."""
    started_micros = 0
    previous_micros: int | None = None
    texts: dict[FrameType, _Text] = {}
    exited: str | None = None
    ended_micros = 0
    for frame in frames:
        if isinstance(frame.content, Header):
            started_micros = frame.content.started_micros
        if frame.stream != stream:
            continue
        if isinstance(frame.content, StreamOpened):
            yield _header_line(frame.content, started_micros + frame.elapsed_micros)
            previous_micros = frame.elapsed_micros
            texts = {frame_type: _Text(raw=raw) for frame_type in _CODES}
            continue
        if previous_micros is None:  # notes about the session itself
            continue
        ended_micros = frame.elapsed_micros
        if isinstance(frame.content, Exited):
            exited = str(STATUS_UNKNOWN if frame.content.status is None else frame.content.status)
        for code, data in _events(frame, texts, with_input=with_input):
            yield _event_line(frame.elapsed_micros - previous_micros, code, data)
            previous_micros = frame.elapsed_micros
    if previous_micros is None:
        raise NoSuchStream("exporting a recording: it has no such stream")
    if exited is not None:
        yield _event_line(ended_micros - previous_micros, "x", exited)


def _events(frame: Frame, texts: dict[FrameType, _Text], *, with_input: bool) -> Iterator[tuple[str, str]]:
    content = frame.content
    if isinstance(content, bytes):
        if frame.type is not FrameType.INPUT or with_input:
            text = texts[frame.type].feed(content)
            if text:
                yield _CODES[frame.type], text
    elif isinstance(content, Resized):
        yield "r", f"{content.columns}x{content.rows}"
    elif isinstance(content, StreamClosed):
        for frame_type, text_of in texts.items():
            rest = text_of.feed(b"", final=True)
            if rest and (frame_type is not FrameType.INPUT or with_input):
                yield _CODES[frame_type], rest
    elif marker := _marker(content):
        yield "m", marker


def _marker(content: Body) -> str:
    if isinstance(content, Signalled):
        return f"signal {content.name}"
    if isinstance(content, Note):
        return note_text(content)
    return f"from here on {content.direction} was not recorded" if isinstance(content, Partial) else ""


def _header_line(opened: StreamOpened, started_micros: int) -> bytes:
    term: dict[str, Any] = {"cols": opened.columns or DEFAULT_COLUMNS, "rows": opened.rows or DEFAULT_ROWS}
    if opened.term:
        term["type"] = opened.term
    header: dict[str, Any] = {"version": 3, "term": term, "timestamp": started_micros // _MICROS}
    if opened.command:
        header["command"] = opened.command.decode("utf-8", "backslashreplace")
    return msgspec.json.encode(header) + b"\n"


def _event_line(interval_micros: int, code: str, data: str) -> bytes:
    seconds, micros = divmod(interval_micros, _MICROS)
    return b'[%d.%06d, "%s", %s]\n' % (seconds, micros, code.encode(), msgspec.json.encode(data))
