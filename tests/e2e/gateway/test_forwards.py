"""Forwards through a gateway, by the stock ssh: ports, sockets and agents, their refusals and their ends."""

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import pytest_asyncio
from tests.support.far_server import BULK_BYTES, GREETING, Far, converse, far_port, no_more, reached
from tests.support.gateway_lab import Lab, gateway_lab
from tests.support.other_client import connected
from tests.support.ports import LOOPBACK, free_port

from doorward.domain.access.obligations import Obligations
from doorward.domain.recording.frames import Note, StreamClosed, StreamOpened
from doorward.domain.recording.reader import frames_in
from doorward.gateway.relays.ssh_tables import FORWARDS_MAX

ALL = Obligations(port_forwarding_local=True, port_forwarding_remote=True, forward_agent=True)


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        made.control_plane.obligations = ALL
        yield made
        assert made.problems == []


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose sockets' paths are short enough, for all accounts."""
    folder = Path(tempfile.mkdtemp(prefix="dwt-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@contextlib.asynccontextmanager
async def ssh(lab: Lab, *flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The stock client in the background."""
    *command, host = lab.command()
    process = await lab.start(*command, *flags, host)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def allocated(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    async with asyncio.timeout(10):
        said = await process.stderr.readline()
    found = re.match(rb"Allocated port (\d+)", said)
    assert found, said
    return int(found[1])


async def notes(lab: Lab, kind: str) -> list[dict[str, Any]]:
    session = lab.only_session()
    await lab.eventually(lambda: lab.control_plane.end_reason(session) is not None)
    return [note.fields for note in lab.control_plane.notes.get(session, []) if note.type == kind]


async def contents(lab: Lab) -> list[object]:
    session = lab.only_session()
    await lab.eventually(lambda: session in lab.control_plane.seals)
    return [frame.content for frame in frames_in([bytes(lab.control_plane.recordings[session])])]


async def test_a_local_forward_carries_ten_megabytes_each_way_and_half_closes(lab: Lab) -> None:
    ours = free_port()
    async with far_port() as (far, port):
        async with ssh(lab, "-N", "-L", f"{ours}:{LOOPBACK}:{port}"):
            await converse(far, lambda: reached(ours))
        (opened,) = await notes(lab, "forward.opened")
        assert (opened["kind"], opened["destination"]) == ("local_forward", f"{LOOPBACK}:{port}")
        (closed,) = await notes(lab, "stream.closed")
        assert (closed["bytes_in"], closed["bytes_out"]) == (BULK_BYTES, len(GREETING) + BULK_BYTES + 64)
    stored = await contents(lab)
    (beginning,) = [each for each in stored if isinstance(each, StreamOpened)]
    (end,) = [each for each in stored if isinstance(each, StreamClosed)]
    assert (beginning.destination, end.input_bytes) == (f"{LOOPBACK}:{port}", BULK_BYTES)
    assert not [each for each in stored if isinstance(each, bytes)]


async def test_a_socket_of_the_node_can_be_reached(lab: Lab, short: Path) -> None:
    ours, far = free_port(), Far(answer=b"from the socket")
    async with await asyncio.start_unix_server(far.serve, short / "far"):
        (short / "far").chmod(0o777)
        async with ssh(lab, "-N", "-L", f"{ours}:{short}/far"):
            await converse(far, lambda: reached(ours))
    (opened,) = await notes(lab, "forward.opened")
    assert (opened["kind"], opened["destination"]) == ("unix_forward", f"{short}/far")


async def test_a_remote_forward_with_a_port_of_the_nodes_choice_carries_ten_megabytes_each_way(lab: Lab) -> None:
    async with far_port() as (far, port):
        async with ssh(lab, "-N", "-R", f"0:{LOOPBACK}:{port}") as process:
            chosen = await allocated(process)
            await converse(far, lambda: reached(chosen))
        listens, opened = await notes(lab, "forward.opened")
        assert (listens["port"], listens["destination"]) == (chosen, f"localhost:{chosen}")
        assert (opened["kind"], opened["destination"]) == ("remote_forward", f"localhost:{chosen}")
        (closed,) = await notes(lab, "stream.closed")
        assert (closed["bytes_in"], closed["bytes_out"]) == (len(GREETING) + BULK_BYTES + 64, BULK_BYTES)


async def test_a_remote_forward_of_a_socket_leads_back(lab: Lab, short: Path) -> None:
    flags = ("-N", "-o", "StreamLocalBindMask=0000")
    async with far_port() as (far, port), ssh(lab, *flags, "-R", f"{short}/back:{LOOPBACK}:{port}"):
        await lab.eventually((short / "back").exists)
        await converse(far, lambda: asyncio.open_unix_connection(short / "back"))
    listens, opened = await notes(lab, "forward.opened")
    assert listens["destination"] == opened["destination"] == f"{short}/back"


async def test_a_dynamic_forward_is_a_local_one(lab: Lab) -> None:
    ours = free_port()

    async def through_socks(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await reached(ours)
        writer.write(b"\5\1\0")
        assert await reader.readexactly(2) == b"\5\0"
        writer.write(b"\5\1\0\1" + bytes((127, 0, 0, 1)) + port.to_bytes(2, "big"))
        assert (await reader.readexactly(10))[:2] == b"\5\0"
        return reader, writer

    async with far_port() as (far, port), ssh(lab, "-N", "-D", f"{LOOPBACK}:{ours}"):
        await converse(far, lambda: through_socks(port))


async def test_a_cancelled_remote_forward_listens_no_more(lab: Lab, short: Path) -> None:
    control = short / "control"
    async with far_port() as (_, port), ssh(lab, "-N", "-M", "-S", str(control)):
        await lab.eventually(control.exists)
        *command, host = lab.command()

        async def ask(what: str, forward: str) -> bytes:
            process = await lab.start(command[0], "-S", str(control), "-O", what, "-R", forward, *command[1:], host)
            out, _ = await process.communicate()
            assert process.returncode == 0
            return out.strip()

        chosen = int(await ask("forward", f"0:{LOOPBACK}:{port}"))
        _, writer = await asyncio.open_connection(LOOPBACK, chosen)
        writer.close()
        await ask("cancel", f"0:{LOOPBACK}:{port}")
        await no_more(chosen)


async def agent(folder: Path) -> tuple[asyncio.subprocess.Process, str]:
    """An agent with one key; the key's fingerprint."""
    socket, key = folder / "agent", folder / "key"
    process = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", str(socket), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    private = asyncssh.generate_private_key("ssh-ed25519")
    private.write_private_key(str(key))
    key.chmod(0o600)
    adding = await asyncio.create_subprocess_exec(
        "ssh-add", "-q", str(key), env={**os.environ, "SSH_AUTH_SOCK": str(socket)}, stderr=asyncio.subprocess.PIPE
    )
    await adding.communicate()
    return process, private.get_fingerprint()


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_users_agent_reaches_the_node_when_the_role_allows_it(lab: Lab, short: Path, allowed: bool) -> None:
    lab.control_plane.obligations = Obligations(forward_agent=allowed)
    process, fingerprint = await agent(short)
    try:
        result = await lab.ssh("ssh-add -l", options=(f"IdentityAgent={short}/agent", "ForwardAgent=yes"))
    finally:
        process.terminate()
        await process.wait()
    if allowed:
        assert fingerprint in result.stdout.decode()
        assert [each["kind"] for each in await notes(lab, "forward.opened")] == ["agent"]
    else:
        assert fingerprint not in result.stdout.decode()
        assert "doorward: your access does not include agent forwarding" in result.stderr_text
        assert [each["kind"] for each in await notes(lab, "forward.refused")] == ["agent"]


@pytest.mark.parametrize(
    ("obligations", "level", "said"),
    [(Obligations(), "output", "does not include"), (ALL, "strict", "everything is recorded")],
)
async def test_refused_forwards_say_so_and_do_not_reach_the_node(
    lab: Lab, obligations: Obligations, level: str, said: str
) -> None:
    lab.control_plane.obligations, lab.control_plane.recording_level = obligations, level
    async with far_port() as (far, port):
        result = await lab.ssh("-W", f"{LOOPBACK}:{port}", stdin=b"x")
        assert result.exit_code != 0
        assert said in result.stderr_text
        assert far.writers == []
    (refused,) = await notes(lab, "forward.refused")
    assert (refused["kind"], refused["destination"]) == ("local_forward", f"{LOOPBACK}:{port}")
    assert said in refused["reason"]
    assert await notes(lab, "forward.opened") == []


@pytest.mark.parametrize(
    ("obligations", "level", "said"),
    [(Obligations(), "output", b"does not include"), (ALL, "strict", b"everything is recorded")],
)
async def test_a_refused_listener_is_told_on_the_commands_error_output(
    lab: Lab, obligations: Obligations, level: str, said: bytes
) -> None:
    lab.control_plane.obligations, lab.control_plane.recording_level = obligations, level
    *command, host = lab.command()
    process = await lab.start(*command, "-R", f"0:{LOOPBACK}:1", host, "echo ran")
    out, err = await process.communicate()
    assert (process.returncode, out) == (0, b"ran\n")
    assert b"remote port forwarding failed" in err
    assert b"doorward: " in err
    assert said in err
    assert [each["kind"] for each in await notes(lab, "forward.refused")] == ["remote_forward"]


async def test_a_socket_that_the_node_can_not_make_is_told_and_not_noted_as_open(lab: Lab) -> None:
    *command, host = lab.command()
    process = await lab.start(*command, "-R", f"/nowhere/at/all:{LOOPBACK}:1", host, "echo ran")
    out, err = await process.communicate()
    assert out == b"ran\n"
    assert b"doorward: the node does not listen there for you" in err
    assert await notes(lab, "forward.opened") == []


async def test_x11_is_refused_with_a_line(lab: Lab) -> None:
    *command, host = lab.command()
    process = await lab.start("/usr/bin/env", "DISPLAY=:77", *command, "-X", host, "echo ran")
    out, err = await process.communicate()
    assert out == b"ran\n"
    assert b"doorward: X11 forwarding is not offered by this gateway" in err


async def test_a_connection_that_the_node_can_not_make_is_recorded_with_its_reason(lab: Lab) -> None:
    result = await lab.ssh("-W", f"{LOOPBACK}:{free_port()}")
    assert result.exit_code != 0
    assert "onnect failed" in result.stderr_text
    failures = [each for each in await contents(lab) if isinstance(each, Note)]
    assert [each.event for each in failures] == ["forward.failed"]
    assert "onnect" in failures[0].result
    assert [each["bytes_in"] for each in await notes(lab, "stream.closed")] == [0]


async def test_a_cut_closes_open_forwards_within_a_second(lab: Lab) -> None:
    ours = free_port()
    async with far_port() as (far, port), ssh(lab, "-N", "-L", f"{ours}:{LOOPBACK}:{port}"):
        reader, writer = await reached(ours)
        assert await reader.readline() == GREETING
        begun = asyncio.get_running_loop().time()
        lab.control_plane.cut(lab.only_session())
        assert await reader.read() == b""
        await lab.eventually(lambda: far.ended == 1)
        assert asyncio.get_running_loop().time() - begun < 1.0
        writer.close()
    assert lab.control_plane.end_reason(lab.only_session()) == "locked"


async def test_two_hundred_forwards_carry_at_once(lab: Lab) -> None:
    ours = free_port()
    async with far_port() as (far, port), ssh(lab, "-N", "-L", f"{ours}:{LOOPBACK}:{port}"):
        far.answer = b"short"
        (await reached(ours))[1].close()
        pairs = [await asyncio.open_connection(LOOPBACK, ours) for _ in range(200)]
        async with asyncio.timeout(30):
            for reader, _ in pairs:
                assert await reader.readline() == GREETING
            for number, (_, writer) in enumerate(pairs):
                writer.write(b"%d" % number)
                writer.write_eof()
            for number, (reader, writer) in enumerate(pairs):
                assert await reader.read() == b"short" + hashlib.sha256(b"%d" % number).hexdigest().encode()
                writer.close()
    assert len(await notes(lab, "stream.closed")) == 201


async def test_a_flood_of_forwards_meets_its_limit_and_the_session_goes_on(lab: Lab) -> None:
    async with far_port() as (_, port), connected(lab) as connection:
        made: list[Any] = []
        for _ in range(FORWARDS_MAX):
            made.append(await connection.open_connection(LOOPBACK, port))
        with pytest.raises(asyncssh.ChannelOpenError, match="at most"):
            await connection.open_connection(LOOPBACK, port)
        assert (await connection.run("echo still here")).stdout == "still here\n"
        made.pop()[1].close()
        await asyncio.sleep(0.2)
        reader, _ = await connection.open_connection(LOOPBACK, port)
        assert await reader.readline() == GREETING


async def test_who_does_not_read_is_not_sent_more_than_windows_hold(lab: Lab) -> None:
    ours, sent = free_port(), 0

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
                sent += 65_536

    server = await asyncio.start_server(pour, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    async with ssh(lab, "-N", "-L", f"{ours}:{LOOPBACK}:{port}"):
        reading, idle = await reached(ours)
        reading._transport.pause_reading()  # type: ignore[attr-defined]
        await lab.eventually(lambda: sent > 0)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.5)
        assert sent < 64 * 1024 * 1024
        idle.transport.abort()
    server.close()
