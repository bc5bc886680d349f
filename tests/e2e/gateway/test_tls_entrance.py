"""SSH inside TLS: `dw proxy ssh` to a real gateway, and clients that are not what they should be."""

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.fake_control_plane import ENTROPY
from tests.support.gateway_lab import NODE, Lab, gateway_lab, make_client
from tests.support.openssh import SSH
from tests.support.ports import LOOPBACK
from tests.support.tls_lab import KEY, TlsHome, shows_gateway, tls_control_plane
from tests.support.x509_values import gateway_leaf, intermediate, spki, user_leaf

from doorward.base.ids import InstallationId, SignInId, UserId, new_id
from doorward.cli.ssh_proxy import ALPN, open_way
from doorward.cli.ssh_start import CanNotStart
from doorward.domain.certificates.x509_names import X509Kind
from doorward.gateway.tls_entrance import EARLY_BYTES_MAX
from doorward.net.doors import DoorLimits

NODE_HOST = "prod-web-01.dw"
PROXY = f"{sys.executable} -m doorward.cli.entry proxy ssh %h"


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    plane = tls_control_plane()
    shows = shows_gateway(tmp_path, plane)
    async with gateway_lab(tmp_path, control_plane=plane, show_identity=shows) as made:
        yield made
        assert made.problems == []


@pytest.fixture
def home(lab: Lab, tmp_path: Path) -> TlsHome:
    made = TlsHome(tmp_path / "home", lab.port, lab.control_plane.user_id)
    made.write()
    return made


async def ssh(
    lab: Lab, home: TlsHome, *words: str, host: str = NODE_HOST, stdin: bytes = b""
) -> tuple[int, bytes, str]:
    client = replace(lab.client, options=(f"ProxyCommand={PROXY}", *lab.client.options))
    command = client.command(f"{lab.login}@{host}", *words, program=SSH)
    environment = {**lab.client.environment(), **home.environment()}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=-1, stdout=-1, stderr=-1, env=environment
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, err = await process.communicate(stdin)
    return process.returncode or 0, out, err.decode(errors="replace")


async def test_a_command_runs_and_its_exit_status_is_exact(lab: Lab, home: TlsHome) -> None:
    assert await ssh(lab, home, "echo out; echo err >&2; exit 7") == (7, b"out\n", "err\n")
    (proven,) = lab.control_plane.proofs
    assert proven.face is not None
    assert (proven.face.name, proven.user_name) == (NODE_HOST, lab.login)
    assert lab.control_plane.open_calls[0].source == LOOPBACK
    assert lab.control_plane.jumps == []


async def test_megabytes_pass_both_ways_bit_by_bit(lab: Lab, home: TlsHome) -> None:
    data = ENTROPY.token(1024) * 8192
    status, out, err = await ssh(lab, home, "cat", stdin=data)
    assert (status, err) == (0, "")
    assert out == data


async def test_the_session_of_another_user_does_not_open_inside(lab: Lab, home: TlsHome, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    lab.control_plane.user_id = UserId(new_id(ENTROPY))
    lab.client = make_client(tmp_path / "other", lab.control_plane)
    status, _, err = await ssh(lab, home, "true")
    assert status == 255
    assert "inside one of another user" in err
    assert lab.control_plane.open_calls == []


async def test_an_older_client_says_no_face_and_the_gateway_tells_which_it_showed(lab: Lab, home: TlsHome) -> None:
    lab.client = replace(lab.client, options=("PubkeyAuthentication=unbound",))
    assert (await ssh(lab, home, "exit 3"))[0] == 3
    assert lab.control_plane.proofs[0].face is None
    assert lab.control_plane.open_calls[0].face is not None


async def test_a_cut_ends_the_session_with_its_line(lab: Lab, home: TlsHome) -> None:
    async def cut() -> None:
        await lab.eventually(lambda: bool(lab.control_plane.started))
        await asyncio.sleep(0.2)
        lab.control_plane.cut(lab.only_session(), message="doorward: locked by carol")

    running = asyncio.create_task(cut())
    status, _, err = await ssh(lab, home, "sleep 20")
    await running
    assert status == 255
    assert "locked by carol" in err


async def test_the_gateway_names_no_unknown_node(lab: Lab, home: TlsHome) -> None:
    status, _, err = await ssh(lab, home, "true", host="no-such-01.dw")
    assert status == 255
    assert "no-such-01.dw: Permission denied (publickey)." in err
    assert "no-such-01.dw" in lab.control_plane.minted


# --- clients that are not users of ours ---


async def refused(lab: Lab, home: TlsHome, node: str = NODE) -> str:
    """No face is minted, and nothing of SSH is heard."""
    before = list(lab.control_plane.minted)

    def attempt() -> str:
        try:
            with open_way([node], str(home.directory), 0) as tls:
                tls.settimeout(5)
                tls.sendall(b"SSH-2.0-probe\r\n")
                return tls.recv(100).decode()
        except (CanNotStart, OSError) as error:
            return str(error)

    heard = await asyncio.to_thread(attempt)
    assert "SSH-" not in heard
    assert lab.control_plane.minted == before
    return heard


async def test_the_honest_client_hears_ssh(lab: Lab, home: TlsHome) -> None:
    """What the refusals below differ from in one thing each."""
    with pytest.raises(AssertionError):
        await refused(lab, home)


async def test_a_certificate_of_another_installation_is_refused(lab: Lab, home: TlsHome) -> None:
    home.write(seed=1)
    await refused(lab, home)


async def test_an_expired_certificate_is_refused(lab: Lab, home: TlsHome) -> None:
    home.write(age=timedelta(hours=9))
    await refused(lab, home)


async def test_a_gateways_certificate_is_no_users(lab: Lab, home: TlsHome) -> None:
    leaf = gateway_leaf(spki(KEY), lab.control_plane.gateway_id, datetime.now(UTC))
    home.show(leaf, intermediate(X509Kind.GATEWAY).certificate)
    await refused(lab, home)


async def test_a_user_of_another_installation_under_the_same_key_is_refused(lab: Lab, home: TlsHome) -> None:
    other = InstallationId(new_id(ENTROPY))
    leaf = user_leaf(spki(KEY), home.user_id, SignInId(new_id(ENTROPY)), datetime.now(UTC), installation_id=other)
    home.show(leaf, intermediate(X509Kind.USER).certificate)
    await refused(lab, home)


async def connect(lab: Lab, context: ssl.SSLContext, name: str | None) -> bytes:
    """What a TLS client of its own making hears after it has said something."""
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(LOOPBACK, lab.port, ssl=context, server_hostname=name or "")
            writer.write(b"SSH-2.0-probe\r\n")
            heard = await reader.read(100)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return heard
    except (OSError, EOFError):
        return b""


async def test_who_shows_no_certificate_hears_nothing(lab: Lab) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols([ALPN])
    assert await connect(lab, context, NODE_HOST) == b""
    assert NODE_HOST not in lab.control_plane.minted


@pytest.mark.parametrize("name", ["prod-web-01", "prod-web-01.other", "a.prod-web-01.dw", "localhost", "dw"])
async def test_a_name_that_is_no_nodes_leads_nowhere(lab: Lab, home: TlsHome, name: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols([ALPN])
    context.load_cert_chain(home.directory / "x509.pem", home.directory / "x509.key")
    assert await connect(lab, context, name) == b""
    assert lab.control_plane.minted.count(name) == 0


async def test_a_gateway_without_an_identity_lets_nobody_in_by_tls(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path, control_plane=tls_control_plane()) as lab:
        home = TlsHome(tmp_path / "home", lab.port, lab.control_plane.user_id)
        home.write()
        await refused(lab, home)


async def test_who_floods_before_the_face_is_there_is_dropped(lab: Lab, home: TlsHome) -> None:
    minting = asyncio.Event()
    real = lab.control_plane.mint_faces

    async def slow(wanted: object) -> object:
        await minting.wait()
        return await real(wanted)  # type: ignore[arg-type]

    lab.control_plane.mint_faces = slow  # type: ignore[method-assign,assignment]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols([ALPN])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(home.directory / "x509.pem", home.directory / "x509.key")
    reader, writer = await asyncio.open_connection(LOOPBACK, lab.port, ssl=context, server_hostname=NODE_HOST)
    async with asyncio.timeout(5):
        with contextlib.suppress(OSError):
            writer.write(b"x" * (EARLY_BYTES_MAX * 2))
            assert await reader.read() == b""
    minting.set()
    writer.close()
    await asyncio.sleep(0.2)
    assert lab.running is not None
    assert (lab.running.health().unproven, lab.running.health().signed_in) == (0, 0)


async def test_who_does_not_sign_in_is_closed_at_the_deadline(tmp_path: Path) -> None:
    plane = tls_control_plane()
    shows = shows_gateway(tmp_path, plane)
    async with gateway_lab(
        tmp_path, control_plane=plane, show_identity=shows, doors=DoorLimits(sign_in_seconds=0.5)
    ) as lab:
        home = TlsHome(tmp_path / "home", lab.port, plane.user_id)
        home.write()

        def wait_for_the_end() -> None:
            with open_way([NODE], str(home.directory), 0) as tls:
                tls.settimeout(5)
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    while tls.recv(1000):
                        pass

        await asyncio.to_thread(wait_for_the_end)
        await lab.eventually(lambda: lab.running is not None and lab.running.health().unproven == 0)


# --- gateways that are not ours ---


async def test_a_client_goes_away_from_a_gateway_of_another_installation(lab: Lab, home: TlsHome) -> None:
    home.write(root_seed=1)
    status, _, err = await ssh(lab, home, "true")
    assert status == 255
    assert "does not prove to be of the installation" in err


async def test_a_client_goes_away_from_a_gateway_of_another_id_under_the_same_root(lab: Lab, home: TlsHome) -> None:
    home.installation = InstallationId(new_id(ENTROPY))
    home.write()
    status, _, err = await ssh(lab, home, "true")
    assert status == 255
    assert "does not prove to be of the installation" in err


async def test_a_client_goes_away_from_a_user_who_plays_the_gateway(tmp_path: Path) -> None:
    plane = tls_control_plane()
    thief = TlsHome(tmp_path / "thief", 0, plane.user_id)
    thief.write()

    def shows(context: ssl.SSLContext) -> None:
        context.load_cert_chain(thief.directory / "x509.pem", thief.directory / "x509.key")

    async with gateway_lab(tmp_path, control_plane=plane, show_identity=shows) as lab:
        home = TlsHome(tmp_path / "home", lab.port, plane.user_id)
        home.write()
        status, _, err = await ssh(lab, home, "true")
        assert status == 255
        assert "does not prove to be of the installation" in err
        assert plane.minted.count(NODE_HOST) == 0
