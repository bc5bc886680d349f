"""How a gateway knows a node: by its certificate for exactly that node, or by the key that was enrolled or typed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.fake_control_plane import ENTROPY, authority
from tests.support.gateway_lab import Lab, gateway_lab
from tests.support.ssh_keys import make_key

from doorward.api.bodies.gateway_calls import SessionStarted
from doorward.base.ids import NodeId, new_id
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.ssh_profiles import LIFETIMES, node_fields
from doorward.wire.ssh.public_key import fingerprint, parse_public_key_line, public_key_line

OVER = LIFETIMES[Purpose.NODE_HOST].ceiling + timedelta(days=10)
"""The age of a certificate whose time is over."""


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made


def shows(lab: Lab, *, age: timedelta = timedelta(), kind: str = "") -> None:
    """From now on the node shows a certificate of that age, for its own key."""
    plane, node = lab.control_plane, lab.node
    key = parse_public_key_line(lab.sshd.host_key_line)
    fields = node_fields(
        node_id=NodeId(new_id(ENTROPY)) if kind == "another node's" else node.id,
        public_key=key,
        serial=8,
        now=plane.clock.now() - age,
    )
    ca = authority() if kind == "another authority's" else plane.hosts_ca
    certificate = public_key_line(ca.sign(fields, ENTROPY.token(32)))
    lab.sshd.stop()
    lab.sshd.settings = replace(lab.sshd.settings, host_certificate=certificate)
    lab.sshd.start()


async def refused(lab: Lab, why: str) -> None:
    result = await lab.ssh("echo reached")
    assert (result.exit_code, result.stdout) == (255, b"")
    assert f"is not the host that it should be: {why}" in result.stderr_text
    await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) == "protocol_error")
    await lab.eventually(lambda: lab.control_plane.notes.get(lab.only_session()))
    assert lab.control_plane.notes[lab.only_session()][-1].type == "node.key_mismatch"


async def started(lab: Lab) -> SessionStarted:
    """What the gateway has told of the session's beginning."""
    await lab.eventually(lambda: lab.only_session() in lab.control_plane.started)
    return lab.control_plane.started[lab.only_session()]


async def test_a_certificate_that_lives_is_what_a_node_is_known_by(lab: Lab) -> None:
    assert (await lab.ssh("true")).exit_code == 0
    assert (await started(lab)).host_verified_by == "certificate"


async def test_an_expired_certificate_around_the_enrolled_key_leaves_the_key(lab: Lab) -> None:
    shows(lab, age=OVER)
    assert (await lab.ssh("true")).exit_code == 0
    assert (await started(lab)).host_verified_by == "key"


async def test_an_expired_certificate_around_another_key_is_refused(lab: Lab) -> None:
    shows(lab, age=OVER)
    lab.node.enrolled_key = parse_public_key_line(make_key(lab.client.directory / "later").public_line)
    await refused(lab, "its host certificate has expired")


@pytest.mark.parametrize("age", [timedelta(), OVER])
@pytest.mark.parametrize("kind", ["another authority's", "another node's"])
async def test_a_certificate_that_is_not_this_nodes_is_refused_expired_or_not(
    lab: Lab, kind: str, age: timedelta
) -> None:
    shows(lab, age=age, kind=kind)
    is_only_over = age and kind == "another node's"
    await refused(
        lab, "its host certificate has expired" if is_only_over else "its host certificate is not this node's"
    )


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_a_typed_fingerprint_may_be_of_any_of_the_hosts_keys(lab: Lab, kind: str, tmp_path: Path) -> None:
    lines = {"ed25519": lab.sshd.host_key_line}
    for each in ("ecdsa", "rsa"):
        # In a thread: while this loop stands still, the gateway in it hears nothing of its authority.
        lines[each] = (await asyncio.to_thread(make_key, tmp_path / each, kind=each)).public_line
    keys = (f"HostKey {tmp_path}/ecdsa", f"HostKey {tmp_path}/rsa")
    lab.sshd.stop()
    lab.sshd.settings = replace(lab.sshd.settings, host_certificate="", lines=keys)
    lab.sshd.start()
    lab.node.use_host_authority = False
    lab.node.typed_fingerprint = fingerprint(parse_public_key_line(lines[kind]))
    assert (await lab.ssh("true")).exit_code == 0
    assert (await started(lab)).host_verified_by == "fingerprint"
    assert (await started(lab)).host_key_fingerprint == lab.node.typed_fingerprint


async def test_a_typed_fingerprint_of_none_of_the_hosts_keys_is_refused(lab: Lab) -> None:
    lab.node.use_host_authority = False
    lab.node.typed_fingerprint = "SHA256:" + "A" * 43
    await refused(lab, "its host key is not the known one")


@pytest.mark.parametrize("minutes", [5, -5])
async def test_a_node_whose_clock_is_off_is_refused_and_we_say_why(lab: Lab, minutes: int) -> None:
    """Ahead of ours and behind: the certificate of the session is over there, or not valid yet."""
    lab.control_plane.certificate_age = timedelta(minutes=minutes)
    result = await lab.ssh("true")
    assert result.exit_code == 255
    assert "either its clock is wrong (compare `date` there with here) or the account" in result.stderr_text
    await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) == "upstream_closed")
    await lab.eventually(lambda: lab.control_plane.notes.get(lab.only_session()))
    note = lab.control_plane.notes[lab.only_session()][-1]
    assert (note.type, note.fields["reason"]) == ("node.unreachable", "certificate refused")


async def test_a_node_that_does_not_even_accept_is_given_up(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.gateway.ssh.node_link.CONNECT_SECONDS", 0.5)
    waiting = []
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):  # more than its queue holds
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
            waiting.append(sock)
        await asyncio.sleep(0.1)
        lab.node.address = f"127.0.0.1:{full.getsockname()[1]}"
        result = await lab.ssh("true")
        for sock in waiting:
            sock.close()
    assert "doorward: prod-web-01 does not answer" in result.stderr_text
    await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) == "upstream_closed")
