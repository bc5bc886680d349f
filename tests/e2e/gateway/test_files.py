"""Copies of files through a gateway, by the stock sftp and scp and a real SFTP server: bytes, log and recording."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.gateway_lab import Lab, gateway_lab
from tests.support.other_client import connected
from tests.support.sftp import extended, init

from doorward.domain.access.obligations import Obligations
from doorward.domain.recording.frames import FrameType, Note
from doorward.domain.recording.levels import RecordingLevel
from doorward.domain.recording.reader import frames_in
from doorward.gateway.refusals import NOTED_FIRST_MAX

BULK_BYTES = 50 * 1024 * 1024


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made
        assert made.problems == []


@pytest.fixture
def far() -> Iterator[Path]:
    """A folder on the node, which is this machine, that its accounts may write to."""
    folder = Path(tempfile.mkdtemp(prefix="dwt-files-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def inside(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def sftp(lab: Lab, *lines: str) -> tuple[int, str]:
    """Run the stock client with these commands; its status and what it printed."""
    program, *rest = lab.command(program="sftp")
    process = await lab.start(program, "-q", "-b", "-", *rest)
    async with asyncio.timeout(60):
        out, err = await process.communicate("".join(f"{line}\n" for line in lines).encode())
    return process.returncode or 0, (out + err).decode(errors="replace")


async def scp(lab: Lab, source: str, target: str, *flags: str) -> tuple[int, str]:
    """The stock scp; `far:` in front of a path means the node."""
    *command, host = lab.command(program="scp")
    ends = [end.replace("far:", f"{host}:") if end.startswith("far:") else end for end in (source, target)]
    process = await lab.start(*command, *flags, *ends)
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, (out + err).decode(errors="replace")


async def operations(lab: Lab) -> list[dict[str, object]]:
    """What the log was told of files, once the session has ended."""
    session = lab.only_session()
    await lab.eventually(lambda: lab.control_plane.end_reason(session) is not None)
    return [note.fields for note in lab.control_plane.notes.get(session, []) if note.type == "sftp.operation"]


async def recorded(lab: Lab) -> list[Note]:
    session = lab.only_session()
    await lab.eventually(lambda: session in lab.control_plane.seals)
    contents = (frame.content for frame in frames_in([bytes(lab.control_plane.recordings[session])]))
    return [content for content in contents if isinstance(content, Note)]


@pytest.mark.parametrize("level", ["output", "strict", "none"])
async def test_fifty_megabytes_go_there_and_back_and_their_digests_are_known(
    lab: Lab, far: Path, tmp_path: Path, level: str
) -> None:
    lab.control_plane.recording_level = level
    data = os.urandom(BULK_BYTES)
    (tmp_path / "source").write_bytes(data)
    code, said = await sftp(lab, f"put {tmp_path}/source {far}/there", f"get {far}/there {tmp_path}/back")
    assert code == 0, said
    assert (tmp_path / "back").read_bytes() == data
    told = await operations(lab)
    if level == "none":
        assert told == []
        return
    digest = hashlib.sha256(data).hexdigest()
    assert [(each["operation"], each["bytes"], each["sha256"], each["result"]) for each in told] == [
        ("write", BULK_BYTES, digest, "ok"),
        ("read", BULK_BYTES, digest, "ok"),
    ]
    assert {each["path"] for each in told} == {f"{far}/there"}
    report = lab.control_plane.ended[lab.only_session()][0]
    assert RecordingLevel.parse(report.level_achieved) is RecordingLevel.parse(level)


async def test_every_operation_of_the_stock_client_is_told_with_its_result(lab: Lab, far: Path, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"content")
    code, said = await sftp(
        lab,
        f"put {tmp_path}/source {far}/a",
        f"ls {far}",
        f"mkdir {far}/dir",
        f"rename {far}/a {far}/b",
        f"ln {far}/b {far}/hard",
        f"ln -s {far}/b {far}/soft",
        f"chmod 600 {far}/b",
        f"-rm {far}/none",
        f"rm {far}/b",
        f"rmdir {far}/dir",
        f"-get {far}/none {tmp_path}/none",
    )
    assert code == 0, said
    told = [
        (each["operation"], str(each["path"]).removeprefix(str(far)), each["result"]) for each in await operations(lab)
    ]
    assert told == [
        ("write", "/a", "ok"),
        ("list", "/", "ok"),
        ("mkdir", "/dir", "ok"),
        ("rename", "/a", "ok"),
        ("hardlink", "/b", "ok"),
        ("symlink", "/b", "ok"),
        ("setstat", "/b", "ok"),
        ("remove", "/none", "no such file"),
        ("remove", "/b", "ok"),
        ("rmdir", "/dir", "ok"),
    ]
    assert inside(far) == ["hard", "soft"]


@pytest.mark.parametrize("flags", [(), ("-O",)])
async def test_scp_copies_both_ways_in_its_new_form_and_its_old(
    lab: Lab, far: Path, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    data = os.urandom(3_000_001)
    (tmp_path / "source").write_bytes(data)
    for source, target in ((f"{tmp_path}/source", f"far:{far}/x"), (f"far:{far}/x", f"{tmp_path}/back")):
        code, said = await scp(lab, source, target, *flags)
        assert code == 0, said
    assert (tmp_path / "back").read_bytes() == data


async def test_names_that_would_write_to_a_terminal_are_kept_as_they_are(lab: Lab, far: Path, tmp_path: Path) -> None:
    name = b"red \x1b[31m\xff"
    lab.control_plane.recording_level = "strict"
    (far / os.fsdecode(name)).write_bytes(b"x")
    code, said = await sftp(lab, f"get {far}/red* {tmp_path}/back")
    assert code == 0, said
    paths = [note.path for note in await recorded(lab) if note.event == "sftp.read"]
    assert paths == [os.fsencode(far) + b"/" + name]
    told = [each["path"] for each in await operations(lab) if each["operation"] == "read"]
    assert told == [f"{far}/red \x1b[31m\\xff"]  # escaped by what shows it, not here


async def test_what_is_written_out_of_order_is_called_sparse_and_stored_under_strict(lab: Lab, far: Path) -> None:
    lab.control_plane.recording_level = "strict"
    async with (
        connected(lab) as connection,
        connection.start_sftp_client() as client,
        client.open(f"{far}/holes", "wb") as file,
    ):
        await file.write(b"front")
        await file.seek(1000)
        await file.write(b"behind")
    (told,) = await operations(lab)
    assert (told["bytes"], told["sha256"]) == (11, hashlib.sha256(b"front").hexdigest())
    await lab.eventually(lambda: lab.only_session() in lab.control_plane.seals)
    stored = frames_in([bytes(lab.control_plane.recordings[lab.only_session()])])
    greeting, *pieces = [frame.data for frame in stored if frame.type is FrameType.INPUT]
    assert greeting == b"\0\0\0\x05\x01\0\0\0\x03"
    assert pieces == [b"behind"]
    assert (far / "holes").read_bytes() == b"front" + bytes(995) + b"behind"


async def test_a_handle_of_nobody_and_nonsense_do_not_reach_the_node(lab: Lab) -> None:
    async with connected(lab) as connection:
        process = await connection.create_process(subsystem="sftp", encoding=None)
        process.stdin.write(b"no SFTP at all, but long enough to look at")
        async with asyncio.timeout(10):
            assert b"doorward: this is no SFTP" in await process.stderr.read()
            assert await process.stdout.read() == b""
    (broken,) = [note for note in await recorded(lab) if note.event == "sftp.broken"]
    assert broken.result


@pytest.mark.parametrize("program", ["sftp", "scp"])
async def test_a_role_without_copies_is_told_so(lab: Lab, far: Path, tmp_path: Path, program: str) -> None:
    lab.control_plane.obligations = Obligations(file_copy=False)
    (tmp_path / "source").write_bytes(b"x")
    if program == "sftp":
        code, said = await sftp(lab, f"put {tmp_path}/source {far}/x")
    else:
        code, said = await scp(lab, f"{tmp_path}/source", f"far:{far}/x", "-O")
    assert code != 0
    assert "doorward: your access does not include copying files" in said
    assert inside(far) == []


async def test_a_cut_ends_a_copy_and_tells_of_the_half_that_passed(lab: Lab, far: Path) -> None:
    async with connected(lab) as connection, connection.start_sftp_client() as client:
        file = await client.open(f"{far}/half", "wb")
        await file.write(b"half of it")
        begun = asyncio.get_running_loop().time()
        lab.control_plane.cut(lab.only_session())
        await connection.wait_closed()
        assert asyncio.get_running_loop().time() - begun < 1.5
    (told,) = await operations(lab)
    assert (told["operation"], told["bytes"], told["result"]) == ("write", 10, "unfinished")


async def test_thousands_of_operations_wait_for_a_slow_log_and_none_is_lost(lab: Lab, far: Path) -> None:
    lab.control_plane.notes_seconds = 0.02
    async with connected(lab) as connection, connection.start_sftp_client() as client:
        for start in range(0, 3000, 100):
            await asyncio.gather(*(client.mkdir(f"{far}/{number}") for number in range(start, start + 100)))
    told = await operations(lab)
    assert len(told) == 3000
    assert {each["result"] for each in told} == {"ok"}


@pytest.mark.parametrize("level", ["events", "strict"])
async def test_requests_that_are_refused_here_are_counted_in_the_log_and_kept_in_the_recording(
    lab: Lab, level: str
) -> None:
    lab.control_plane.recording_level = level
    count = 3000
    async with connected(lab) as connection:
        process = await connection.create_process(subsystem="sftp", encoding=None)
        process.stdin.write(init())
        async with asyncio.timeout(30):
            for number in range(count):
                process.stdin.write(extended(b"flood@example.org", number))
            process.stdin.write_eof()
            assert (await process.stdout.read()).count(b"doorward: this operation is not offered") == count
    told = await operations(lab)
    assert {each["result"] for each in told} == {"refused"}
    (counted,) = [note for note in lab.control_plane.notes[lab.only_session()] if note.type == "refusals.counted"]
    assert len(told) + counted.fields["count"] == count
    assert NOTED_FIRST_MAX <= len(told) < NOTED_FIRST_MAX + 10
    assert counted.fields["sftp"] == counted.fields["count"]
    report = lab.control_plane.ended[lab.only_session()][0]
    assert (report.reason, report.facts["refusals_unnoted"]) == ("closed", counted.fields["count"])
    assert len([note for note in await recorded(lab) if note.result == "refused"]) == count
