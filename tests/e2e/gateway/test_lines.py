"""Lines that users are shown: whoever wrote them, no terminal acts on them, and each client shows them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from asyncssh import ChannelOpenError
from tests.support.gateway_lab import Lab, gateway_lab

import doorward.gateway.ssh.asyncssh_internals as internals
from doorward.gateway.ssh.asyncssh_channels import RelayChannel

EVIL = "\x1b]0;owned\x07\x1b[2J\nsecond line\u202e"
SHOWN = "\\x1b]0;owned\\x07\\x1b[2J\\x0asecond line\\u202e"


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made


async def begun(lab: Lab, *options: str) -> asyncio.subprocess.Process:
    process = await lab.start(*lab.command("echo ready; cat", options=options))
    assert process.stdout is not None
    async with asyncio.timeout(10):
        assert (await process.stdout.readline()).strip() == b"ready"
    return process


async def test_a_locks_message_is_shown_and_not_acted_on(lab: Lab) -> None:
    process = await begun(lab)
    lab.control_plane.cut(lab.only_session(), message=EVIL)
    _, err = await process.communicate()
    assert err.decode().splitlines()[0] == SHOWN
    assert b"\x1b" not in err


async def test_a_notice_of_the_authority_is_shown_and_not_acted_on(lab: Lab) -> None:
    lab.control_plane.notices = [EVIL]
    result = await lab.ssh("true")
    assert result.exit_code == 0
    assert SHOWN in result.stderr_text
    assert b"\x1b" not in result.stderr


async def test_a_nodes_reason_for_opening_no_channel_is_shown_and_not_acted_on(lab: Lab, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    async def refuse(_self: RelayChannel, _end: object, _kind: bytes, _data: bytes) -> bytes:
        raise ChannelOpenError(internals.OPEN_PROHIBITED, EVIL)

    monkeypatch.setattr(RelayChannel, "open_towards_peer", refuse)
    # OpenSSH escapes this itself; other clients may not, so what is on the wire counts.
    said: list[str] = []
    send = internals.UserConnection.send_channel_open_failure

    def remember(connection: internals.UserConnection, channel: int, code: int, reason: str, lang: str) -> None:
        packets: list[bytes] = []
        monkeypatch.setattr(connection, "send_packet", lambda _kind, *args: packets.extend(args))
        send(connection, channel, code, reason, lang)
        monkeypatch.undo()
        said.append(b"".join(packets).decode(errors="replace"))
        send(connection, channel, code, reason, lang)

    monkeypatch.setattr(internals.UserConnection, "send_channel_open_failure", remember)
    assert (await lab.ssh("true")).exit_code == 255
    assert SHOWN in said[0]
    assert "\x1b" not in said[0]


async def test_a_master_in_the_background_shows_the_reason_on_its_channels(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "control"
    options = (f"ControlPath={path}", "ControlMaster=auto", "ControlPersist=60")
    assert (await lab.ssh("true", options=options)).exit_code == 0  # leaves its master in the background
    process = await begun(lab, *options)
    lab.control_plane.cut(lab.only_session(), message="doorward: locked by an administrator")
    async with asyncio.timeout(10):
        _, err = await process.communicate()
    assert process.returncode == 255
    assert err.decode().splitlines()[0] == "doorward: locked by an administrator"
    await lab.eventually(lambda: not path.exists())
