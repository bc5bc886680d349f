"""The servers that other tests stand on are the real ones, start on loopback, and end when they are told to."""

import asyncio
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.support.accounts import HOMES, Account, account, empty_home
from tests.support.openssh import SSHD, SshClient, Sshd, SshdSettings, run_ssh
from tests.support.ports import LOOPBACK, ServerDidNotStartError, answers, free_port
from tests.support.postgres import Postgres
from tests.support.ssh_keys import KeyFiles, certify, make_key

LOGIN = "dwt-root"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[KeyFiles, KeyFiles]:
    return make_key(tmp_path / "user"), make_key(tmp_path / "ca")


@pytest.fixture
def node(keys: tuple[KeyFiles, KeyFiles]) -> Iterator[Sshd]:
    _, ca = keys
    login = account(LOGIN).login
    settings = SshdSettings(user_ca_lines=(ca.public_line,), principals={login: ("dw:node:root",)})
    with Sshd(settings) as running:
        yield running


def client_of(node: Sshd, directory: Path, identity: KeyFiles) -> SshClient:
    return SshClient(directory, identity=identity.private, known_hosts_lines=(node.known_hosts_line(),))


def test_sshd_lets_a_certificate_with_the_listed_principal_in(
    node: Sshd, keys: tuple[KeyFiles, KeyFiles], tmp_path: Path
) -> None:
    user, ca = keys
    certify(user, ca, ["dw:node:root"])
    login = account(LOGIN).login
    result = run_ssh(
        f"{login}@{LOOPBACK}",
        "id -un; cat; exit 7",
        client=client_of(node, tmp_path, user),
        port=node.port,
        stdin=b"in",
    )
    assert (result.exit_code, result.stdout, result.stderr) == (7, f"{login}\nin".encode(), b"")


@pytest.mark.parametrize("principals", [["dw:other:root"], ["root"]])
def test_sshd_refuses_a_certificate_for_another_principal(
    node: Sshd, keys: tuple[KeyFiles, KeyFiles], tmp_path: Path, principals: list[str]
) -> None:
    user, ca = keys
    certify(user, ca, principals)
    result = run_ssh(
        f"{account(LOGIN).login}@{LOOPBACK}", "true", client=client_of(node, tmp_path, user), port=node.port
    )
    assert result.exit_code == 255
    assert "Permission denied" in result.stderr_text


def test_ssh_refuses_a_server_with_another_host_key(
    node: Sshd, keys: tuple[KeyFiles, KeyFiles], tmp_path: Path
) -> None:
    user, ca = keys
    certify(user, ca, ["dw:node:root"])
    stranger = make_key(tmp_path / "stranger").public_line
    client = SshClient(tmp_path, identity=user.private, known_hosts_lines=(f"[{LOOPBACK}]:{node.port} {stranger}",))
    result = run_ssh(f"{account(LOGIN).login}@{LOOPBACK}", "true", client=client, port=node.port)
    assert result.exit_code == 255
    assert "HOST IDENTIFICATION HAS CHANGED" in result.stderr_text


def test_ssh_accepts_a_host_by_its_certificate(keys: tuple[KeyFiles, KeyFiles], tmp_path: Path) -> None:
    user, ca = keys
    host = make_key(tmp_path / "host")
    certificate = certify(host, ca, ["web-01.dw"], host=True).read_text().strip()
    settings = SshdSettings(authorized_key_lines=(user.public_line,), host_key=host, host_certificate=certificate)
    with Sshd(settings) as node:
        client = SshClient(
            tmp_path,
            identity=user.private,
            known_hosts_lines=(f"@cert-authority *.dw {ca.public_line}",),
            options=("HostKeyAlias=web-01.dw", "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"),
        )
        result = run_ssh(f"{account(LOGIN).login}@{LOOPBACK}", "true", client=client, port=node.port)
    assert (result.exit_code, result.stderr) == (0, b"")


def test_stopped_sshd_no_longer_answers_and_comes_back_on_its_port(node: Sshd) -> None:
    port, pid = node.port, node.pid
    assert Path(f"/proc/{pid}/exe").resolve() == Path(SSHD).resolve()
    node.stop()
    assert not answers(port)
    assert not Path(f"/proc/{pid}").exists()
    node.start()
    assert node.port == port
    assert answers(port, first_bytes=b"SSH-2.0-OpenSSH")


def test_sshd_with_a_broken_configuration_says_so() -> None:
    broken = Sshd(SshdSettings(lines=("NoSuchOption yes",)))
    try:
        with pytest.raises(ServerDidNotStartError, match="NoSuchOption"):
            broken.start()
    finally:
        broken.close()


def test_test_accounts_have_an_empty_home_and_no_borrowed_names() -> None:
    mine = account("dwt-emptied")  # no other test's
    assert pwd.getpwnam(mine.login).pw_uid == mine.uid
    if os.geteuid() == 0:
        assert mine.home == HOMES / "dwt-emptied"
        assert (mine.home.stat().st_uid, stat.S_IMODE(mine.home.stat().st_mode)) == (mine.uid, 0o700)
        (mine.home / "left").mkdir()
        (mine.home / "left" / "behind").touch()
        (mine.home / "link").symlink_to("/etc")
        empty_home(mine)
        assert list(mine.home.iterdir()) == []
        assert Path("/etc/passwd").exists()
        with pytest.raises(RuntimeError, match="belongs to this machine"):
            account("daemon")
    else:
        assert mine == account("daemon")
        assert mine.uid == os.geteuid()


def test_homes_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.touch()
    empty_home(Account("somebody", tmp_path, os.geteuid()))
    assert kept.exists()


def test_free_port_is_free() -> None:
    port = free_port()
    assert not answers(port)
    with socket.create_server((LOOPBACK, port)):  # to be had, and then what `answers` says depends on it
        assert answers(port)
        assert not answers(port, first_bytes=b"SSH-")
    assert not answers(port)


def test_postgres_answers_queries_in_a_database_of_its_own() -> None:
    async def ask(url: str) -> int:
        connection = await asyncpg.connect(url)
        try:
            value: int = await connection.fetchval("select 6 * 7")
            return value
        finally:
            await connection.close()

    with Postgres() as server:
        port = server.port
        assert asyncio.run(ask(server.create_database("one"))) == 42
        server.stop()
        assert not answers(port)
        server.start()
        assert server.port == port
        assert asyncio.run(ask(server.url("one"))) == 42
    assert not answers(port)
    assert not server.directory.exists()
