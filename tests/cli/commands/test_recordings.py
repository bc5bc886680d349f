"""Recordings: taken out whole, replayed harmlessly."""

import hashlib
import json
import stat
from pathlib import Path

import pytest
from tests.support.authorities import ed25519_key
from tests.support.command_line import CommandLine
from tests.support.recordings import manifest_for, recording, shell
from tests.support.stub_authority import StubAuthority, problem

from doorward.api.bodies.sessions import RecordingList, RecordingProof, RecordingView
from doorward.base.ids import SessionId
from doorward.domain.certificates.statements import SealedRecording, manifest_statement
from doorward.domain.recording.container import PREAMBLE, encode_frame
from doorward.domain.recording.digest import TreeDigest
from doorward.domain.recording.frames import FrameType, StreamClosed

ID = "s" * 26
FRAMES = recording(
    (1, 0, shell()),
    (1, 1_000_000, (FrameType.OUTPUT, b"hello \x1b]0;title\x07\x1b[31mred\x1b[m\r\n")),
    (1, 2_000_000, StreamClosed()),
)
CONTAINER = PREAMBLE + b"".join(encode_frame(frame) for frame in FRAMES)


KEY, _ = ed25519_key(7)
PUBLIC = KEY.public_key().public_bytes_raw().hex()
TREE = TreeDigest()
TREE.update(CONTAINER)
MANIFEST = manifest_for(ID, TREE.digest(), len(CONTAINER)).signed_bytes()


def proof(manifest: bytes = MANIFEST) -> RecordingProof:
    sealed = SealedRecording(SessionId(ID), TREE.digest(), len(CONTAINER), hashlib.sha256(MANIFEST).digest())
    return RecordingProof(ID, manifest.decode(), KEY.sign(manifest_statement(sealed)).hex(), [PUBLIC])


@pytest.fixture
def recorded(stub: StubAuthority) -> StubAuthority:
    """An authority that holds one recording."""
    stub.answers[f"GET /v1/recordings/{ID}/content"] = (200, CONTAINER)
    stub.answers[f"GET /v1/recordings/{ID}/proof"] = (200, proof())
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
    assert recorded.seen[-2].path == f"/v1/recordings/{ID}/content?purpose=export"


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
    assert recorded.seen[-2].path == f"/v1/recordings/{ID}/content?purpose=play"


FORGED = {
    "bytes": (f"GET /v1/recordings/{ID}/content", (200, CONTAINER.replace(b"hello", b"jello"))),
    "a shorter file": (f"GET /v1/recordings/{ID}/content", (200, CONTAINER[:-3])),
    "manifest": (f"GET /v1/recordings/{ID}/proof", (200, proof(MANIFEST.replace(b'"output"', b'"strict"')))),
    "key": (
        f"GET /v1/recordings/{ID}/proof",
        (200, RecordingProof(ID, MANIFEST.decode(), proof().signature, ["00" * 32])),
    ),
}


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize(
    "words", [("play", "--no-wait"), ("recordings", "export"), ("recordings", "export", "--format", "container")]
)
def test_what_is_not_as_it_was_sealed_is_neither_shown_nor_exported(
    alice: CommandLine, recorded: StubAuthority, forged: str, words: tuple[str, ...]
) -> None:
    place, answer = FORGED[forged]
    recorded.answers[place] = answer
    done = alice(*words, ID)
    assert (done.exit_code, done.out) == (3, "")
    assert "checking a recording" in done.err


def test_the_proof_of_another_session_proves_nothing(alice: CommandLine, recorded: StubAuthority) -> None:
    other = "t" * 26
    for what in ("content", "proof"):
        recorded.answers[f"GET /v1/recordings/{other}/{what}"] = recorded.answers[f"GET /v1/recordings/{ID}/{what}"]
    assert alice("play", "--no-wait", other).exit_code == 3


def test_one_that_is_not_sealed_is_shown_with_a_warning(alice: CommandLine, recorded: StubAuthority) -> None:
    recorded.answers[f"GET /v1/recordings/{ID}/proof"] = (200, RecordingProof(ID, "", "", [PUBLIC]))
    done = alice("play", "--no-wait", ID)
    assert done.exit_code == 0
    assert "hello" in done.out
    assert "not sealed yet" in done.err


@pytest.fixture
def exported(alice: CommandLine, recorded: StubAuthority, tmp_path: Path) -> Path:
    """A container and its proof, on a machine that has no way to the authority any more."""
    assert alice("recordings", "export", ID, "--format", "container", "-O", str(tmp_path / "kept")).exit_code == 0
    recorded.answers.clear()
    return tmp_path / "kept"


@pytest.mark.parametrize("words", [(), ("--key", PUBLIC), ("--key", "00" * 32, "--key", PUBLIC)])
def test_an_exported_container_is_verified_without_the_authority(
    alice: CommandLine, exported: Path, words: tuple[str, ...]
) -> None:
    done = alice("recordings", "verify", str(exported), *words)
    assert done.exit_code == 0
    assert f"session {ID}: sealed as it is here, {len(CONTAINER)} bytes" in done.out
    assert "recorded at output of output, ended: closed" in done.out


@pytest.mark.parametrize("change", ["bytes", "manifest", "signature", "no proof", "no form", "another key", "no key"])
def test_a_container_that_was_changed_is_not_verified(alice: CommandLine, exported: Path, change: str) -> None:
    beside = exported.with_name("kept.proof")
    words: tuple[str, ...] = ()
    if change == "bytes":
        exported.write_bytes(CONTAINER + b"\x00")
    elif change == "manifest":
        beside.write_text(beside.read_text().replace("closed", "lapsed"))
    elif change == "signature":
        beside.write_text(beside.read_text().replace(proof().signature, "00" * 64))
    elif change == "no proof":
        beside.unlink()
    elif change == "no form":
        beside.write_text("[]")
    else:
        words = ("--key", "00" * 32 if change == "another key" else "zz")
    done = alice("recordings", "verify", str(exported), *words)
    assert (done.exit_code, done.out) == (1 if change in ("no form", "no key") else 3, "")


def test_a_stream_that_is_not_there_is_said(alice: CommandLine, recorded: StubAuthority) -> None:
    done = alice("play", ID, "--no-wait", "--stream", "9")
    assert (done.exit_code, done.out) == (1, "")
    assert "no stream 9" in done.err


def test_a_session_without_a_stream_is_said_to_have_nothing_to_play(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers[f"GET /v1/recordings/{ID}/content"] = (200, PREAMBLE)
    stub.answers[f"GET /v1/recordings/{ID}/proof"] = (200, RecordingProof(ID, "", "", [PUBLIC]))
    done = alice("play", ID, "--no-wait")
    assert (done.exit_code, done.out) == (0, "")
    assert "dw: nothing to play: no shell or command ran in this session\n" in done.err


def test_a_torn_recording_plays_up_to_where_it_is_torn(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers[f"GET /v1/recordings/{ID}/content"] = (200, CONTAINER[:-3])
    stub.answers[f"GET /v1/recordings/{ID}/proof"] = (200, RecordingProof(ID, "", "", [PUBLIC]))
    done = alice("play", ID, "--no-wait")
    assert done.exit_code == 0
    assert "hello" in done.out
    assert "title" not in done.out


@pytest.mark.parametrize("words", [("--speed", "0"), ("--speed", "1000"), ("--stream", "0")])
def test_paces_that_make_no_sense_are_usage_errors(alice: CommandLine, words: tuple[str, str]) -> None:
    assert alice("play", ID, *words).exit_code == 2
    assert alice("play", ID, "--idle", "5").exit_code == 1
