"""The stock client through a jump: `ssh -J gateway account@node.dw`, ended here twice, with nothing else on the way."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest
import pytest_asyncio
from asyncssh.packet import String, UInt32
from tests.support.fake_control_plane import ENTROPY
from tests.support.gateway_lab import NODE, Lab, gateway_lab, make_client
from tests.support.jump_lab import GATEWAY, NODE_HOST, JumpClient
from tests.support.openssh import SSH
from tests.support.ports import LOOPBACK
from tests.support.raw_client import closed, raw_client

from doorward.base.ids import UserId, new_id
from doorward.domain.sessions.states import EndReason

BULK_BYTES = 10 * 1024 * 1024
ONLY_NODES = "from here only nodes can be reached"


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made
        assert made.problems == []


@pytest.fixture
def jump(lab: Lab, tmp_path: Path) -> JumpClient:
    return JumpClient(lab, tmp_path)


async def test_a_command_runs_and_its_exit_status_is_exact(jump: JumpClient) -> None:
    for status in (0, 7, 254):
        result = await jump.ssh(f"echo out; echo err >&2; exit {status}")
        assert (result.exit_code, result.stdout, result.stderr) == (status, b"out\n", b"err\n")


async def test_the_proof_is_bound_to_the_nodes_name_and_the_source_is_the_outer_socket(
    jump: JumpClient, lab: Lab
) -> None:
    assert (await jump.ssh("true")).exit_code == 0
    (proven,) = lab.control_plane.proofs
    assert proven.face is not None
    assert (proven.face.name, proven.user_name) == (NODE_HOST, lab.login)
    (wanted,) = lab.control_plane.open_calls
    assert (wanted.source, wanted.face) == (LOOPBACK, None)
    assert [one.source for one in lab.control_plane.jumps] == [LOOPBACK]


async def test_ten_megabytes_pass_both_ways_bit_by_bit(jump: JumpClient) -> None:
    data = os.urandom(BULK_BYTES)
    back = await jump.ssh("cat", stdin=data)
    assert hashlib.sha256(back.stdout).digest() == hashlib.sha256(data).digest()


async def test_a_terminal_is_given(jump: JumpClient) -> None:
    result = await jump.ssh("-tt", "test -t 0 && echo terminal; exit 5")
    assert (result.exit_code, result.stdout) == (5, b"terminal\r\n")


async def test_connections_inside_share_one_jump_and_channels_one_session(jump: JumpClient, lab: Lab) -> None:
    jump.outer_options = (f"ControlPath {jump.directory}/outer", "ControlMaster auto", "ControlPersist 20")
    jump.inner_options = (f"ControlPath {jump.directory}/inner", "ControlMaster auto", "ControlPersist 20")
    assert (await jump.ssh("true")).exit_code == 0
    results = await asyncio.gather(*(jump.ssh(f"echo {status}; exit {status}") for status in range(1, 9)))
    assert [(one.exit_code, one.stdout) for one in results] == [(s, b"%d\n" % s) for s in range(1, 9)]
    assert (len(lab.control_plane.plans), len(lab.control_plane.jumps)) == (1, 1)
    jump.inner_options = ("ControlPath none",)
    results = await asyncio.gather(*(jump.ssh(f"exit {status}") for status in range(1, 5)))
    assert [one.exit_code for one in results] == [1, 2, 3, 4]
    assert (len(lab.control_plane.plans), len(lab.control_plane.jumps)) == (5, 1)
    for host in (NODE_HOST, GATEWAY):
        await jump.at_gateway("-o", f"ControlPath={jump.directory}/inner", "-O", "exit", host)
        await jump.at_gateway("-O", "exit", GATEWAY)


async def test_another_user_inside_is_refused(jump: JumpClient, lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    first, lab.control_plane.user_id = lab.control_plane.user_id, UserId(new_id(ENTROPY))
    jump.inner = make_client(other, lab.control_plane)
    lab.control_plane.user_id = first
    result = await jump.ssh("true")
    assert result.exit_code == 255
    assert "inside one of another user" in result.stderr_text
    assert lab.control_plane.open_calls == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("-W", "127.0.0.1:22", GATEWAY),
        ("-W", "localhost:{node_port}", GATEWAY),
        ("-W", "127.0.0.1:{node_port}", GATEWAY),
        ("-W", f"{NODE_HOST}:23", GATEWAY),
        ("-W", f"{NODE}:22", GATEWAY),
        ("-W", f"{NODE}.other:22", GATEWAY),
        ("-W", f"a.{NODE_HOST}:22", GATEWAY),
        (GATEWAY,),
        (GATEWAY, "id"),
        ("-s", GATEWAY, "sftp"),
    ],
)
async def test_a_jump_leads_to_nodes_and_nothing_else(jump: JumpClient, lab: Lab, arguments: tuple[str, ...]) -> None:
    words = [word.format(node_port=lab.sshd.port) for word in arguments]
    result = await jump.at_gateway(*words, stdin=b"SSH-2.0-probe\r\n")
    assert result.exit_code == 255
    assert ONLY_NODES in result.stderr_text
    assert b"OpenSSH" not in result.stdout
    assert lab.control_plane.open_calls == []
    assert NODE_HOST not in lab.control_plane.minted


async def test_remote_forwards_agent_and_tunnels_are_refused_on_a_jump(jump: JumpClient) -> None:
    result = await jump.at_gateway("-N", "-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes", GATEWAY)
    assert result.exit_code == 255
    assert "remote port forwarding failed" in result.stderr_text


async def test_nothing_is_asked_before_the_outer_proof(lab: Lab) -> None:
    """Who has not signed in opens no way: no face for a node is minted and nothing is looked up."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    options = {"client_keys": [key], "known_hosts": None, "username": "bob", "agent_path": None, "config": None}
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(LOOPBACK, lab.port, **options)
    assert lab.control_plane.minted.count(NODE_HOST) == 0
    assert lab.control_plane.jumps == []


async def test_a_channel_before_the_sign_in_ends_the_connection(lab: Lab) -> None:
    connection = await raw_client(lab)
    where = String(NODE_HOST) + UInt32(22) + String("127.0.0.1") + UInt32(1)
    connection._auth_complete = True  # so that this client sends it at all
    connection.send_packet(90, String("direct-tcpip"), UInt32(0), UInt32(1 << 20), UInt32(32768), where)
    async with asyncio.timeout(5):
        assert await connection.answers.get() == "disconnected"
    await closed(connection)
    assert lab.control_plane.minted.count(NODE_HOST) == 0


async def test_an_unknown_node_is_minted_a_face_and_refused_like_any_other(jump: JumpClient, lab: Lab) -> None:
    unknown = await jump.ssh("true", host="no-such-01.dw")
    forbidden = await jump.ssh("true", login="dwt-nobody")
    assert unknown.stderr_text.replace("no-such-01.dw", NODE_HOST) == forbidden.stderr_text.replace(
        "dwt-nobody", lab.login
    )
    assert {"no-such-01.dw", NODE_HOST} <= set(lab.control_plane.minted)


async def test_a_face_is_kept_for_its_user_only(jump: JumpClient, lab: Lab, tmp_path: Path) -> None:
    for _ in range(3):
        assert (await jump.ssh("true")).exit_code == 0
    assert lab.control_plane.minted.count(NODE_HOST) == 1
    other = tmp_path / "other"
    other.mkdir()
    lab.control_plane.user_id = UserId(new_id(ENTROPY))
    lab.client = make_client(other, lab.control_plane)
    assert (await jump.ssh("true")).exit_code == 0
    assert lab.control_plane.minted.count(NODE_HOST) == 2


async def test_an_older_client_says_no_face_and_the_gateway_tells_which_it_showed(jump: JumpClient, lab: Lab) -> None:
    jump.inner_options = jump.outer_options = ("PubkeyAuthentication unbound",)
    assert (await jump.ssh("exit 3")).exit_code == 3
    (proven,) = lab.control_plane.proofs
    assert (proven.face, proven.user_name) == (None, lab.login)
    assert lab.control_plane.open_calls[0].face is not None


async def test_the_node_in_the_name_as_well_is_refused(jump: JumpClient, lab: Lab) -> None:
    result = await jump.ssh("true", login=f"{lab.login}@{NODE}")
    assert result.exit_code == 255
    assert "says already which node" in result.stderr_text
    assert lab.control_plane.open_calls == []


async def test_the_end_of_the_outer_connection_ends_what_is_inside(jump: JumpClient, lab: Lab) -> None:
    jump.outer_options = (f"ControlPath {jump.directory}/outer", "ControlMaster auto", "ControlPersist 20")
    assert (await jump.at_gateway("-M", "-f", "-N", GATEWAY)).exit_code == 0
    running = await lab.start(*jump.command("echo begun; sleep 30"))
    assert running.stdout is not None
    assert await running.stdout.readline() == b"begun\n"
    await jump.at_gateway("-O", "exit", GATEWAY)
    async with asyncio.timeout(5):
        await running.wait()
    await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) == "closed")


async def test_a_cut_ends_the_session_inside_alone(jump: JumpClient, lab: Lab) -> None:
    jump.outer_options = (f"ControlPath {jump.directory}/outer", "ControlMaster auto", "ControlPersist 20")
    assert (await jump.at_gateway("-M", "-f", "-N", GATEWAY)).exit_code == 0
    running = await lab.start(*jump.command("echo begun; sleep 30"))
    assert running.stdout is not None
    assert await running.stdout.readline() == b"begun\n"
    lab.control_plane.cut(lab.only_session(), EndReason.LOCKED, "doorward: locked by carol")
    async with asyncio.timeout(5):
        _, err = await running.communicate()
    assert b"locked by carol" in err
    await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) == "locked")
    assert (await jump.at_gateway("-O", "check", GATEWAY)).exit_code == 0
    assert (await jump.ssh("exit 4")).exit_code == 4
    assert len(lab.control_plane.jumps) == 1
    await jump.at_gateway("-O", "exit", GATEWAY)


async def test_an_order_to_close_a_jump_closes_it_at_once_and_says_why(jump: JumpClient, lab: Lab) -> None:
    running = await lab.start(*jump.command("-N"))  # so that there is something inside, which says why it ends
    await lab.eventually(lambda: len(lab.control_plane.started) == 1)
    alone = await lab.start(SSH, "-F", str(jump.config()), "-N", GATEWAY)
    await lab.eventually(lambda: lab.jumps == 2)
    at = time.monotonic()
    for jump_id in lab.control_plane.jump_ids:
        lab.control_plane.cut_jump(jump_id)
    async with asyncio.timeout(5):
        for process in (alone, running):
            _, err = await process.communicate()
            assert b"doorward: locked by carol" in err
    assert time.monotonic() - at < 1
    assert lab.jumps == 0
    await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) == "closed")


async def test_a_session_inside_has_time_to_say_why_it_ends(jump: JumpClient, lab: Lab) -> None:
    running = await lab.start(*jump.command("echo begun; sleep 30"))
    assert running.stdout is not None
    assert await running.stdout.readline() == b"begun\n"
    lab.control_plane.cut(lab.only_session(), EndReason.LOCKED, "doorward: said inside")
    lab.control_plane.cut_jump(lab.control_plane.jump_ids[0])
    async with asyncio.timeout(5):
        _, err = await running.communicate()
    assert b"said inside" in err


async def test_an_order_that_overtakes_the_answer_closes_the_jump(jump: JumpClient, lab: Lab) -> None:
    lab.control_plane.cut_jumps_early = True
    result = await jump.at_gateway("-N", GATEWAY)
    assert result.exit_code == 255
    assert "locked by carol" in result.stderr_text
    assert lab.jumps == 0


async def test_a_jump_that_the_authority_holds_closed_is_closed(jump: JumpClient, lab: Lab) -> None:
    running = await lab.start(SSH, "-F", str(jump.config()), "-N", GATEWAY)
    await lab.eventually(lambda: lab.jumps == 1)
    lab.control_plane.unknown += lab.control_plane.jump_ids
    async with asyncio.timeout(5):
        _, err = await running.communicate()
    assert b"holds this connection ended" in err


async def test_a_user_who_holds_as_many_jumps_as_one_may_gets_no_more(
    jump: JumpClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorward.gateway.jumps.JUMPS_OF_USER_MAX", 1)
    running = await lab.start(SSH, "-F", str(jump.config()), "-N", GATEWAY)
    await lab.eventually(lambda: lab.jumps == 1)
    result = await jump.ssh("true")
    assert result.exit_code == 255
    assert "you hold 1 jump connections at this gateway" in result.stderr_text
    assert len(lab.control_plane.jumps) == 1  # the authority is not even asked
    running.terminate()
    await running.communicate()
    await lab.eventually(lambda: lab.jumps == 0)
    assert (await jump.ssh("exit 3")).exit_code == 3


async def test_the_end_of_the_sign_in_ends_the_jump(jump: JumpClient, lab: Lab) -> None:
    lab.control_plane.remaining_seconds = 1.0
    result = await jump.at_gateway("-N", GATEWAY)
    assert result.exit_code == 255
    assert "your sign-in is over" in result.stderr_text


async def test_a_jump_that_the_authority_refuses_says_why(jump: JumpClient, lab: Lab) -> None:
    lab.control_plane.jump_refusal = "your sign-in is over: sign in again with `dw login`"
    result = await jump.ssh("true")
    assert result.exit_code == 255
    assert "your sign-in is over" in result.stderr_text
    assert lab.control_plane.minted.count(NODE_HOST) == 0


async def test_an_authority_that_names_another_user_is_not_followed(jump: JumpClient, lab: Lab) -> None:
    lab.control_plane.jump_user_id = new_id(ENTROPY)
    assert (await jump.ssh("true")).exit_code == 255
    assert lab.control_plane.open_calls == []
