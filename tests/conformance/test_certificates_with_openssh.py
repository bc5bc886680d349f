"""Certificates of the signer's service before the stock sshd and ssh: what opens, and what does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.accounts import account
from tests.support.authorities import key_ring, ssh_authority
from tests.support.openssh import SshClient, Sshd, SshdSettings, SshResult, run_ssh
from tests.support.ports import LOOPBACK
from tests.support.signers import signing_service
from tests.support.ssh_keys import KeyFiles, make_key

from doorward.api.signer import messages
from doorward.base.clock import Clock, ManualClock, SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import new_id
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.ssh_signing import SshAuthority
from doorward.wire.ssh.public_key import parse_public_key_line, public_key_line

ENTROPY = SystemEntropy()
SESSION, NODE, OTHER_NODE, GATEWAY, USER, SIGN_IN = (new_id(ENTROPY) for _ in range(6))
LOGIN = "dwt-root"


def ca_line(purpose: Purpose) -> str:
    authority: SshAuthority = ssh_authority(purpose)
    return public_key_line(authority.public_blob)


def certify(key: KeyFiles, request: messages.Request, clock: Clock | None = None) -> Path:
    answer = signing_service(clock or SystemClock()).answer(request)
    assert isinstance(answer, messages.SignedSsh)
    key.certificate.write_text(public_key_line(answer.certificate) + "\n")
    return key.certificate


def blob(key: KeyFiles) -> bytes:
    return parse_public_key_line(key.public_line)


@pytest.fixture
def user(tmp_path: Path) -> KeyFiles:
    return make_key(tmp_path / "user")


@pytest.fixture
def node() -> Iterator[Sshd]:
    login = account(LOGIN).login
    settings = SshdSettings(user_ca_lines=(ca_line(Purpose.SESSION_SSH),), principals={login: (f"dw:{NODE}:{login}",)})
    with Sshd(settings) as running:
        yield running


def run(node: Sshd, user: KeyFiles, directory: Path, command: str = "id -un") -> SshResult:
    client = SshClient(directory, identity=user.private, known_hosts_lines=(node.known_hosts_line(),))
    return run_ssh(f"{account(LOGIN).login}@{LOOPBACK}", command, client=client, port=node.port)


def session(user: KeyFiles, **changes: object) -> messages.SignSessionSsh:
    fields: dict[str, object] = {
        "session_id": SESSION,
        "node_id": NODE,
        "login": account(LOGIN).login,
        "public_key": blob(user),
    }
    return messages.SignSessionSsh(**(fields | changes))  # type: ignore[arg-type]


def test_session_certificate_opens_its_account_on_its_node_and_the_log_names_the_session(
    node: Sshd, user: KeyFiles, tmp_path: Path
) -> None:
    certify(user, session(user))
    result = run(node, user, tmp_path)
    assert (result.exit_code, result.stdout) == (0, f"{account(LOGIN).login}\n".encode())
    assert f"dw:session:{SESSION}" in node.log_text()


@pytest.mark.parametrize(
    "change", [{"node_id": OTHER_NODE}, {"login": "somebody"}, {"source_addresses": ("192.0.2.1",)}]
)
def test_session_certificate_for_another_node_account_or_place_opens_nothing(
    node: Sshd, user: KeyFiles, tmp_path: Path, change: dict[str, object]
) -> None:
    certify(user, session(user, **change))
    result = run(node, user, tmp_path)
    assert result.exit_code == 255
    assert "Permission denied" in result.stderr_text


def test_session_certificate_of_yesterday_opens_nothing(node: Sshd, user: KeyFiles, tmp_path: Path) -> None:
    certify(user, session(user), ManualClock())
    assert run(node, user, tmp_path).exit_code == 255


def test_user_certificate_opens_no_node(node: Sshd, user: KeyFiles, tmp_path: Path) -> None:
    certify(user, messages.SignUserSsh(USER, SIGN_IN, blob(user)))
    assert run(node, user, tmp_path).exit_code == 255


def test_forced_command_replaces_the_users(node: Sshd, user: KeyFiles, tmp_path: Path) -> None:
    certify(user, session(user, force_command="echo forced"))
    assert run(node, user, tmp_path, "echo free").stdout == b"forced\n"


def test_node_grants_a_terminal_only_when_the_certificate_does(node: Sshd, user: KeyFiles, tmp_path: Path) -> None:
    command = "test -t 0 && echo terminal || echo none"
    login = account(LOGIN).login
    answers = []
    for extensions in ((), ("permit-pty",)):
        certify(user, session(user, extensions=extensions))
        client = SshClient(tmp_path, identity=user.private, known_hosts_lines=(node.known_hosts_line(),))
        result = run_ssh("-tt", f"{login}@{LOOPBACK}", command, client=client, port=node.port)
        answers.append((result.stdout.strip(), "PTY allocation request failed" in result.stderr_text))
    assert answers == [(b"", True), (b"terminal", False)]


@pytest.mark.parametrize("name", ["web-01.dw", "web-02.dw"])
def test_ssh_believes_a_shown_name_and_no_other(user: KeyFiles, tmp_path: Path, name: str) -> None:
    host = make_key(tmp_path / "host")
    certificate = certify(host, messages.SignFaceHost(GATEWAY, "web-01.dw", blob(host))).read_text().strip()
    settings = SshdSettings(authorized_key_lines=(user.public_line,), host_key=host, host_certificate=certificate)
    with Sshd(settings) as face:
        client = SshClient(
            tmp_path,
            identity=user.private,
            known_hosts_lines=(f"@cert-authority *.dw {ca_line(Purpose.FACE_HOST)}",),
            options=(f"HostKeyAlias={name}", "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"),
        )
        result = run_ssh(f"{account(LOGIN).login}@{LOOPBACK}", "true", client=client, port=face.port)
    assert (result.exit_code == 0) == (name == "web-01.dw"), result.stderr_text


def test_ring_is_the_one_whose_authorities_are_trusted_here() -> None:
    known = signing_service().answer(messages.PublicKeys())
    assert isinstance(known, messages.KnownKeys)
    assert public_key_line(known.public_keys(Purpose.SESSION_SSH)[0]) == ca_line(Purpose.SESSION_SSH)
    assert known.installation_id == key_ring().installation_id
