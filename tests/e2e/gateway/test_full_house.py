"""Limits at the port, as clients see them: an SSH disconnect that says why, on the wire and with the stock client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.gateway_lab import Lab, gateway_lab, ready_gateway
from tests.support.jump_lab import GATEWAY, JumpClient
from tests.support.other_client import connected
from tests.support.ports import LOOPBACK

from doorward.gateway import ssh_port
from doorward.gateway.ssh.lines import FULL
from doorward.net.doors import DoorLimits
from doorward.net.ssh_goodbye import TOO_MANY_CONNECTIONS
from doorward.wire.ssh.fields import FieldReader


async def speak(lab: Lab) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(LOOPBACK, lab.port)
    writer.write(b"SSH-2.0-Waits\r\n")
    return reader, writer


async def first_packets(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Payloads after the version line, none of them encrypted."""
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"SSH-2.0-")
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                packet = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
                yield packet[1 : -packet[0]]


async def disconnect(reader: asyncio.StreamReader) -> tuple[int, str]:
    """The one disconnect message that a client is sent."""
    (message,) = [payload async for payload in first_packets(reader) if payload[0] == 1]
    fields = FieldReader(message)
    fields.byte()
    return fields.uint32(), fields.text(1000)


async def asks(lab: Lab, directory: Path) -> asyncio.subprocess.Process:
    """The stock client, which asks for half a second whether the host key may be believed, and then goes on."""
    program = directory / "askpass"
    program.write_text(f"#!/bin/sh\ntouch {directory}/asked\nsleep 0.5\necho yes\n")
    program.chmod(0o755)
    options = ("BatchMode=no", "StrictHostKeyChecking=ask", f"UserKnownHostsFile={directory}/none")
    process = await asyncio.create_subprocess_exec(
        *lab.command("true", options=options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**lab.client.environment(), "SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"},
    )
    await lab.eventually((directory / "asked").exists)
    return process


@pytest.mark.parametrize("limits", [DoorLimits(inside_max=1), DoorLimits(inside_per_address_max=1)])
async def test_a_newcomer_to_a_full_house_reads_why_and_the_others_stay(tmp_path: Path, limits: DoorLimits) -> None:
    async with gateway_lab(tmp_path, doors=limits) as lab, connected(lab) as first:
        reader, writer = await speak(lab)
        assert await disconnect(reader) == (TOO_MANY_CONNECTIONS, FULL)
        writer.close()
        result = await lab.ssh("true")
        assert result.exit_code == 255
        assert FULL in result.stderr_text
        assert (await first.run("echo still here")).stdout == "still here\n"
        assert ready_gateway(lab).health().signed_in == 1


async def test_one_user_takes_no_more_than_one_user_s_places(tmp_path: Path) -> None:
    """Counted when the user has signed, so that who waits at a prompt for a code counts as well, from any address."""
    async with gateway_lab(tmp_path, doors=DoorLimits(inside_per_holder_max=1)) as lab, connected(lab) as first:
        result = await lab.ssh("true")
        assert result.exit_code == 255
        assert FULL in result.stderr_text
        assert (await first.run("echo still here")).stdout == "still here\n"
        first.close()
        await first.wait_closed()
        await lab.eventually(lambda: ready_gateway(lab).health().signed_in == 0)
        assert (await lab.ssh("true")).exit_code == 0


async def test_who_proves_themselves_when_the_last_place_has_gone_reads_why(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path, doors=DoorLimits(inside_max=1)) as lab:
        late = await asks(lab, tmp_path)  # has spoken while there was room
        async with connected(lab):
            _, err = await late.communicate()
        assert late.returncode == 255
        assert FULL in err.decode()
        assert len(lab.control_plane.open_calls) == 1


async def test_who_has_proven_nothing_is_told_when_it_makes_room(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path, doors=DoorLimits(unproven_per_address_max=1)) as lab:
        reader, writer = await speak(lab)
        await lab.eventually(lambda: ready_gateway(lab).health().unproven == 1)
        assert (await lab.ssh("true")).exit_code == 0
        assert await disconnect(reader) == (TOO_MANY_CONNECTIONS, FULL)
        writer.close()
        await lab.eventually(lambda: ready_gateway(lab).health().unproven == 0)


async def test_the_stock_client_that_makes_room_shows_why(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path, doors=DoorLimits(unproven_per_address_max=1)) as lab:
        waiting = await asks(lab, tmp_path)
        _, writer = await speak(lab)
        _, err = await waiting.communicate()
        assert waiting.returncode == 255
        assert FULL in err.decode()
        writer.close()


async def test_a_flood_is_told_to_few_and_closed_to_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_port, "GOODBYES_MAX", 3)
    async with gateway_lab(tmp_path, doors=DoorLimits(unproven_per_address_max=1)) as lab:
        flood = [await speak(lab) for _ in range(12)]
        told = 0
        await lab.eventually(lambda: ready_gateway(lab).health().unproven == 1)
        await asyncio.sleep(0.2)
        for reader, writer in flood[:-1]:
            with contextlib.suppress(ConnectionError):
                told += len([one async for one in first_packets(reader) if one[0] == 1])
            writer.close()
        assert told == 3
        flood[-1][1].close()


async def test_jump_connections_take_places_like_any_other(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path, doors=DoorLimits(inside_max=1)) as lab:
        jump = JumpClient(lab, tmp_path, outer_options=(f"ControlPath {tmp_path}/outer",))
        assert (await jump.at_gateway("-M", "-f", "-N", GATEWAY)).exit_code == 0
        result = await lab.ssh("true")
        assert result.exit_code == 255
        assert FULL in result.stderr_text
        assert (await jump.ssh("echo inside")).stdout == b"inside\n"
        await jump.at_gateway("-O", "exit", GATEWAY)
        await lab.eventually(lambda: ready_gateway(lab).health().signed_in == 0)
        assert (await lab.ssh("true")).exit_code == 0
