"""Recordings: taken out whole, replayed harmlessly."""

import json
import stat
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.recordings import recording, shell
from tests.support.stub_authority import StubAuthority, problem

from doorward.api.bodies.sessions import RecordingList, RecordingView
from doorward.domain.recording.container import PREAMBLE, encode_frame
from doorward.domain.recording.frames import FrameType, StreamClosed

ID = "s" * 26
FRAMES = recording(
    (1, 0, shell()),
    (1, 1_000_000, (FrameType.OUTPUT, b"hello \x1b]0;title\x07\x1b[31mred\x1b[m\r\n")),
    (1, 2_000_000, StreamClosed()),
)
CONTAINER = PREAMBLE + b"".join(encode_frame(frame) for frame in FRAMES)


@pytest.fixture
def recorded(stub: StubAuthority) -> StubAuthority:
    """An authority that holds one recording."""
    stub.answers[f"GET /v1/recordings/{ID}/content"] = (200, CONTAINER)
    view = RecordingView(ID, "bob", "web", "root", "2026-01-01T00:00:00Z", None, len(CONTAINER), "", None)
    stub.answers["GET /v1/recordings"] = (200, RecordingList([view]))
    return stub


def test_list(alice: CommandLine, recorded: StubAuthority) -> None:
    row = alice("recordings", "ls").out.splitlines()[1].split()
    assert row == [ID, "bob", "root@web", "2026-01-01T00:00:00Z", str(len(CONTAINER)), "open"]


def test_a_container_comes_out_byte_for_byte_for_its_owner_alone(
    alice: CommandLine, recorded: StubAuthority, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    done = alice("recordings", "export", ID, "--format", "container", "-O", str(target))
    assert done.exit_code == 0
    assert target.read_bytes() == CONTAINER
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert recorded.seen[-1].path == f"/v1/recordings/{ID}/content?purpose=export"


def test_an_asciicast_has_its_header_and_events(alice: CommandLine, recorded: StubAuthority, tmp_path: Path) -> None:
    assert alice("recordings", "export", ID, "-O", str(tmp_path / "cast")).exit_code == 0
    header, *events = [json.loads(line) for line in (tmp_path / "cast").read_text().splitlines()]
    assert header["version"] == 3
    assert "".join(event[2] for event in events if event[1] == "o") == "hello \x1b[31mred\x1b[m\r\n"


def test_an_existing_file_is_not_overwritten(alice: CommandLine, recorded: StubAuthority, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("precious")
    assert alice("recordings", "export", ID, "-O", str(tmp_path / "out")).exit_code == 1
    assert (tmp_path / "out").read_text() == "precious"


def test_a_failed_export_leaves_no_file(alice: CommandLine, stub: StubAuthority, tmp_path: Path) -> None:
    stub.answers[f"GET /v1/recordings/{ID}/content"] = (200, CONTAINER[:100] + b"\x00" * 100)
    assert alice("recordings", "export", ID, "-O", str(tmp_path / "cast")).exit_code == 1
    assert not (tmp_path / "cast").exists()
    stub.answers[f"GET /v1/recordings/{ID}/content"] = problem(403, "refused", "reading a recording: not for you")
    assert alice("recordings", "export", ID, "-O", str(tmp_path / "cast")).exit_code == 3
    assert not (tmp_path / "cast").exists()


def test_play_shows_what_was_shown_and_keeps_the_terminal_silent(alice: CommandLine, recorded: StubAuthority) -> None:
    done = alice("play", ID, "--no-wait")
    assert done.exit_code == 0
    assert "hello \x1b[31mred" in done.out
    assert "title" not in done.out
    assert recorded.seen[-1].path == f"/v1/recordings/{ID}/content?purpose=play"


def test_a_torn_recording_plays_up_to_where_it_is_torn(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers[f"GET /v1/recordings/{ID}/content"] = (200, CONTAINER[:-3])
    done = alice("play", ID, "--no-wait")
    assert done.exit_code == 0
    assert "hello" in done.out
    assert "title" not in done.out


@pytest.mark.parametrize("words", [("--speed", "0"), ("--speed", "1000"), ("--stream", "0")])
def test_paces_that_make_no_sense_are_usage_errors(alice: CommandLine, words: tuple[str, str]) -> None:
    assert alice("play", ID, *words).exit_code == 2
    assert alice("play", ID, "--idle", "5").exit_code == 1
