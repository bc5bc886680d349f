"""Clients that attack a real gateway: certificates that are none, proofs that are none, names that change."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import pytest_asyncio
from asyncssh.packet import Boolean, String
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.fake_control_plane import ENTROPY, authority
from tests.support.gateway_lab import NODE, Lab, gateway_lab
from tests.support.ports import LOOPBACK
from tests.support.raw_client import CERTIFICATE, RawClient, answers, closed, raw_client

from doorward.domain.certificates.ssh_profiles import user_fields
from doorward.gateway.ssh.sign_in import EXPIRED, REQUESTS_MAX
from doorward.wire.ssh.certificate import CertificateFields, CertificateType
from doorward.wire.ssh.fields import encode_text
from doorward.wire.ssh.public_key import ed25519_blob, parse_public_key_line, public_key_line


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made


def user(lab: Lab, public_key: bytes) -> CertificateFields:
    plane = lab.control_plane
    return user_fields(
        user_id=plane.user_id, sign_in_id=plane.sign_in_id, public_key=public_key, serial=1, now=plane.clock.now()
    )


def public_key_of(lab: Lab) -> bytes:
    assert lab.client.identity is not None
    key = asyncssh.read_private_key(str(lab.client.identity))
    return parse_public_key_line(key.export_public_key().decode())


@pytest.mark.parametrize("kind", ["plain key", "no principals", "two", "host", "critical option", "other authority"])
async def test_the_stock_client_gets_nowhere_without_a_real_user_certificate(lab: Lab, kind: str) -> None:
    good = user(lab, public_key_of(lab))
    made = {
        "no principals": replace(good, principals=()),
        "two": replace(good, principals=(*good.principals, "root")),
        "host": replace(good, type=CertificateType.HOST),
        "critical option": replace(good, critical_options=(("x@example.org", encode_text("y")),)),
    }.get(kind, good)
    ca = authority() if kind == "other authority" else lab.control_plane.users_ca
    assert lab.client.certificate is not None
    lab.client.certificate.write_text(public_key_line(ca.sign(made, ENTROPY.token(32))) + "\n")
    if kind == "plain key":
        lab.client.certificate.unlink()
        lab.client = replace(lab.client, certificate=None)
    result = await lab.ssh("echo reached")
    assert (result.exit_code, result.stdout) == (255, b"")
    assert "Permission denied (publickey)" in result.stderr_text
    assert lab.control_plane.open_calls == []


async def test_an_offer_without_a_signature_asks_nobody_anything(lab: Lab) -> None:
    connection = await raw_client(lab)
    private = Ed25519PrivateKey.generate()
    certificate = lab.control_plane.user_certificate(ed25519_blob(private.public_key().public_bytes_raw()))
    leases = lab.control_plane.leases
    for _ in range(5):
        connection.send(f"{lab.login}@{NODE}", "publickey", Boolean(False), String(CERTIFICATE), String(certificate))
    await asyncio.sleep(0.3)
    assert lab.control_plane.open_calls == []
    assert lab.control_plane.leases <= leases + 1
    assert not list((lab.settings.spool).iterdir())
    assert "Connection from" not in lab.sshd.log_text().split("Server listening", 1)[1].split("\n", 2)[2]
    await closed(connection)


async def test_a_user_name_that_changes_ends_the_connection(lab: Lab) -> None:
    connection = await raw_client(lab)
    connection.send("devops@web-01", "none")
    connection.send(f"{lab.login}@{NODE}", "none")
    assert await answers(connection, 2) == ["failure", "disconnected"]
    assert lab.control_plane.open_calls == []
    await closed(connection)


def holder(lab: Lab, **changes: Any) -> tuple[Ed25519PrivateKey, bytes]:
    """A key and a certificate of the users' authority for it, which `changes` may spoil."""
    private = Ed25519PrivateKey.generate()
    good = user(lab, ed25519_blob(private.public_key().public_bytes_raw()))
    return private, lab.control_plane.users_ca.sign(replace(good, **changes), ENTROPY.token(32))


async def partly(lab: Lab) -> tuple[RawClient, Ed25519PrivateKey, bytes]:
    """A client that has proven who it is, and owes a code."""
    lab.control_plane.factor_code = "123456"
    connection = await raw_client(lab)
    private, certificate = holder(lab)
    connection.prove(f"{lab.login}@{NODE}", private, certificate)
    assert await answers(connection, 1) == ["partial"]
    return connection, private, certificate


@pytest.mark.parametrize("is_bound", [True, False])
async def test_a_raw_client_with_a_real_certificate_is_let_in(lab: Lab, is_bound: bool) -> None:
    connection = await raw_client(lab)
    connection.prove(f"{lab.login}@{NODE}", *holder(lab), is_bound=is_bound)
    assert await answers(connection, 1) == ["success"]
    assert len(lab.control_plane.plans) == 1
    await closed(connection)


@pytest.mark.parametrize("is_bound", [True, False])
@pytest.mark.parametrize("spoiled", ["host certificate", "no principals", "signature", "another's signature"])
async def test_a_signed_request_that_is_no_proof_is_answered_like_any_other_failure(
    lab: Lab, spoiled: str, is_bound: bool
) -> None:
    made: dict[str, dict[str, Any]] = {
        "host certificate": {"type": CertificateType.HOST, "extensions": ()},
        "no principals": {"principals": ()},
    }
    changes = made.get(spoiled, {})
    private, certificate = holder(lab, **changes)
    if spoiled == "another's signature":
        private = Ed25519PrivateKey.generate()
    connection = await raw_client(lab)
    connection.prove(f"{lab.login}@{NODE}", private, certificate, is_bound=is_bound, flip=spoiled == "signature")
    assert await answers(connection, 1) == ["failure"]
    assert lab.control_plane.open_calls == []
    await closed(connection)


async def test_a_host_key_signed_for_that_was_not_shown_ends_the_connection(lab: Lab) -> None:
    connection = await raw_client(lab)
    connection.shown_host_key = lab.control_plane.user_certificate(public_key_of(lab))
    connection.prove(f"{lab.login}@{NODE}", *holder(lab))
    assert await answers(connection, 1) == ["disconnected"]
    assert lab.control_plane.open_calls == []
    await closed(connection)


async def test_a_code_is_asked_for_after_the_proof_and_opens_the_session(lab: Lab) -> None:
    connection, _, _ = await partly(lab)
    connection.send(f"{lab.login}@{NODE}", "keyboard-interactive", String(""), String(""))
    assert await answers(connection, 1) == ["asked"]
    connection.answer_code("123456")
    assert await answers(connection, 1) == ["success"]
    assert len(lab.control_plane.plans) == 1
    await closed(connection)


async def test_a_name_that_changes_between_two_factors_ends_the_connection(lab: Lab) -> None:
    connection, _, _ = await partly(lab)
    connection.send(f"root@{NODE}", "keyboard-interactive", String(""), String(""))
    assert await answers(connection, 1) == ["disconnected"]
    assert (len(lab.control_plane.open_calls), lab.control_plane.plans) == (1, [])
    await closed(connection)


@pytest.mark.parametrize("is_signed", [True, False])
async def test_a_certificate_that_changes_after_the_proof_ends_the_connection(lab: Lab, is_signed: bool) -> None:
    connection, _, _ = await partly(lab)
    private, certificate = holder(lab)
    if is_signed:
        connection.prove(f"{lab.login}@{NODE}", private, certificate)
    else:
        offered = (Boolean(False), String(CERTIFICATE), String(certificate))
        connection.send(f"{lab.login}@{NODE}", "publickey", *offered)
    assert await answers(connection, 1) == ["disconnected"]
    assert (len(lab.control_plane.open_calls), lab.control_plane.plans) == (1, [])
    await closed(connection)


async def test_a_proof_given_twice_does_not_stand_for_the_code(lab: Lab) -> None:
    connection, private, certificate = await partly(lab)
    connection.prove(f"{lab.login}@{NODE}", private, certificate)
    assert await answers(connection, 1) == ["failure"]
    assert (len(lab.control_plane.open_calls), lab.control_plane.plans) == (1, [])
    await closed(connection)


@pytest.mark.parametrize("when", ["before the proof", "before the question", "twice"])
async def test_a_code_that_nobody_asked_for_ends_the_connection(lab: Lab, when: str) -> None:
    lab.control_plane.factor_code = "123456"
    name = f"{lab.login}@{NODE}"
    connection = await raw_client(lab) if when == "before the proof" else (await partly(lab))[0]
    if when == "twice":
        connection.send(name, "keyboard-interactive", String(""), String(""))
        assert await answers(connection, 1) == ["asked"]
        connection.answer_code("000000")
        assert await answers(connection, 1) == ["failure"]
    connection.answer_code("123456")
    assert await answers(connection, 1) == ["disconnected"]
    assert lab.control_plane.plans == []
    await closed(connection)


async def test_the_second_factor_first_is_no_way_in(lab: Lab) -> None:
    lab.control_plane.factor_code = "123456"
    connection = await raw_client(lab)
    connection.send(f"{lab.login}@{NODE}", "keyboard-interactive", String(""), String(""))
    assert await answers(connection, 1) == ["failure"]
    assert lab.control_plane.open_calls == []
    await closed(connection)


async def test_the_stock_client_shows_that_its_certificate_has_expired(lab: Lab) -> None:
    fields = user_fields(
        user_id=lab.control_plane.user_id,
        sign_in_id=lab.control_plane.sign_in_id,
        public_key=public_key_of(lab),
        serial=1,
        now=lab.control_plane.clock.now() - timedelta(days=2),
    )
    assert lab.client.certificate is not None
    line = public_key_line(lab.control_plane.users_ca.sign(fields, ENTROPY.token(32)))
    lab.client.certificate.write_text(line + "\n")
    result = await lab.ssh("echo reached")
    assert (result.exit_code, result.stdout) == (255, b"")
    assert EXPIRED in result.stderr_text
    assert lab.control_plane.open_calls == []


@pytest.mark.parametrize("method", ["none", "password", "hostbased", "gssapi-with-mic", "keyboard-interactive"])
async def test_no_other_method_lets_anybody_in(lab: Lab, method: str) -> None:
    connection = await raw_client(lab)
    connection.send(f"{lab.login}@{NODE}", method, Boolean(False), String("secret"))
    assert await answers(connection, 1) == ["failure"]
    await closed(connection)


async def test_too_many_requests_end_the_connection(lab: Lab) -> None:
    connection = await raw_client(lab)
    for _ in range(REQUESTS_MAX + 1):
        connection.send(f"{lab.login}@{NODE}", "none")
    assert await answers(connection, REQUESTS_MAX + 1) == ["failure"] * REQUESTS_MAX + ["disconnected"]
    await closed(connection)


async def test_channels_and_requests_before_authentication_end_the_connection(lab: Lab) -> None:
    connection = await raw_client(lab)
    connection._auth_complete = True  # so that this client sends it at all
    connection.send_packet(90, String("session") + b"\0\0\0\0" * 2 + b"\0\0\x80\0")
    assert await answers(connection, 1) == ["disconnected"]
    await closed(connection)


async def test_nothing_runs_on_a_jump_connection(lab: Lab) -> None:
    command = lab.client.command(f"alice@{LOOPBACK}", "true", port=lab.port)
    process = await lab.start(*command)
    _, err = await process.communicate()
    assert process.returncode == 255
    assert b"from here only nodes can be reached" in err
    assert lab.control_plane.open_calls == []


@pytest.mark.parametrize("login", ["root\x1b[31m", "r" * 300, "Root Root", "-oProxyCommand=x"])
async def test_an_impossible_login_is_answered_like_an_unknown_one(lab: Lab, login: str) -> None:
    command = lab.client.command("-l", f"{login}@{NODE}", LOOPBACK, "true", port=lab.port)
    process = await lab.start(*command)
    _, err = await process.communicate()
    assert process.returncode == 255
    assert b"\x1b" not in err.replace(login.encode(), b"")
    assert lab.control_plane.plans == []
