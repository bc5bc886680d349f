"""Whatever is logged, by us or by a library, is one line of ASCII JSON."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from doorward.main import logs

EVIL = 'x\r\n{"event": "forged"}\x1b]0;title\x07 \u202e'


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    root.handlers.clear()
    logs.configure("gateway", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def only_line(written: io.StringIO) -> dict[str, str]:
    text = written.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert all(" " <= character <= "~" for character in text[:-1])
    found: dict[str, str] = json.loads(text)
    return found


@pytest.mark.parametrize("name", ["asyncio", "asyncssh", "doorward.signer"])
def test_what_a_library_logs_is_escaped(written: io.StringIO, name: str) -> None:
    logging.getLogger(name).warning("peer said %s", EVIL)
    line = only_line(written)
    assert line["event"] == f"peer said {EVIL}"
    assert (line["logger"], line["level"], line["role"]) == (name, "warning", "gateway")


def test_what_is_no_text_is_escaped(written: io.StringIO) -> None:
    root = logging.getLogger()
    capturing = root.handlers[:]
    # What captures logs for pytest's reports can not hold half a surrogate pair, as the name of a file may.
    root.handlers[:] = [handler for handler in capturing if getattr(handler, "stream", None) is written]
    try:
        logging.getLogger("asyncio").warning("peer said %s", "\ud800")
    finally:
        root.handlers[:] = capturing
    assert only_line(written)["event"] == "peer said \ud800"


def test_a_librarys_traceback_stays_in_its_line(written: io.StringIO) -> None:
    try:
        raise ValueError(EVIL)
    except ValueError:
        logging.getLogger("asyncio").exception("a task failed")
    assert "ValueError" in only_line(written)["exception"]


def test_what_we_log_is_escaped(written: io.StringIO) -> None:
    structlog.get_logger("doorward.gateway").warning("failed", error=EVIL)
    assert only_line(written)["error"] == EVIL


def test_what_a_library_tells_in_passing_is_not_logged(written: io.StringIO) -> None:
    logging.getLogger("asyncssh").info("accepted %s", EVIL)
    assert written.getvalue() == ""
