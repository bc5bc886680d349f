"""The authority's answers: lost, of another kind than hoped for, with a factor that grows old."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest
import pytest_asyncio
from asyncssh.constants import MSG_CHANNEL_DATA
from asyncssh.packet import String, UInt32
from tests.support.gateway_lab import Lab, gateway_lab
from tests.support.jump_lab import GATEWAY, JumpClient
from tests.support.openssh import SSH
from tests.support.other_client import connected

from doorward.gateway.ssh import jump as jumps
from doorward.gateway.ssh.lines import FACTOR_OLD, JUMP_LEADS_NOWHERE, NO_CONTROL


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made


async def test_an_answer_that_is_lost_once_is_asked_for_again_and_opens_one_session(lab: Lab) -> None:
    lab.control_plane.answers_lost = 1
    result = await lab.ssh("echo reached")
    assert (result.exit_code, result.stdout) == (0, b"reached\n")
    first, second = lab.control_plane.open_calls
    assert first == second
    assert len(lab.control_plane.plans) == 1


async def test_an_authority_that_does_not_answer_twice_is_away(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plane, ask = lab.control_plane, lab.control_plane.open_session

    async def lose(wanted):  # type: ignore[no-untyped-def]
        plane.is_away = True
        try:
            return await ask(wanted)
        finally:
            plane.is_away = False

    monkeypatch.setattr(plane, "open_session", lose)
    result = await lab.ssh("true")
    assert result.exit_code == 255
    assert NO_CONTROL in result.stderr_text
    assert len(plane.open_calls) == 2


async def test_a_refusal_is_not_asked_about_again(lab: Lab) -> None:
    lab.node.logins = ()
    assert (await lab.ssh("true")).exit_code == 255
    assert len(lab.control_plane.open_calls) == 1


async def test_a_user_who_breaks_the_protocol_is_reported_so(lab: Lab) -> None:
    async with connected(lab) as connection:
        await connection.open_session("cat", encoding=None)
        await lab.eventually(lambda: lab.control_plane.started)
        connection.send_packet(MSG_CHANNEL_DATA, UInt32(4_000), String(b"on a channel of nobody"))
        await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) is not None)
    assert lab.control_plane.end_reason(lab.only_session()) == "protocol_error"


@pytest.mark.parametrize("seconds", [1.0, None])
async def test_a_factor_that_grew_old_opens_nothing_new_and_leaves_what_is_open(
    lab: Lab, seconds: float | None
) -> None:
    lab.control_plane.factor_remaining_seconds = seconds
    async with connected(lab) as connection:
        stdin, stdout, _ = await connection.open_session("cat")
        assert (await connection.run("echo in time")).stdout == "in time\n"
        await asyncio.sleep(1.2)
        if seconds is None:
            assert (await connection.run("echo any time")).stdout == "any time\n"
        else:
            with pytest.raises(asyncssh.ChannelOpenError, match=FACTOR_OLD):
                await connection.run("echo too late")
        stdin.write("still here\n")
        assert await stdout.readline() == "still here\n"


async def test_a_jump_through_which_everything_is_refused_ends(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jumps, "REFUSALS_MAX", 3)
    jump = JumpClient(lab, tmp_path, outer_options=(f"ControlPath {tmp_path}/outer",))
    outer = await lab.start(SSH, "-F", str(jump.config()), "-M", "-N", GATEWAY)
    await lab.eventually((tmp_path / "outer").exists)
    assert (await jump.ssh("true", login="nobody")).exit_code == 255
    assert (await jump.ssh("true")).exit_code == 0
    for _ in range(2):
        assert (await jump.ssh("true", login="nobody")).exit_code == 255
    assert outer.returncode is None
    assert (await jump.ssh("true", login="nobody")).exit_code == 255
    async with asyncio.timeout(10):
        _, err = await outer.communicate()
    assert JUMP_LEADS_NOWHERE in err.decode()


async def test_a_jump_ends_with_its_sign_in_on_the_clock_that_counts_suspends(lab: Lab, tmp_path: Path) -> None:
    lab.control_plane.remaining_seconds = 1.0
    jump = JumpClient(lab, tmp_path)
    result = await jump.at_gateway("-N", GATEWAY)
    assert "your sign-in is over" in result.stderr_text
