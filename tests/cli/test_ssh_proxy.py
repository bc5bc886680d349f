"""`dw proxy ssh`: what it carries, whom it believes, and that it starts quickly. Real gateways: `tests/e2e/gateway`."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.stub_authority import Installation
from tests.support.tls_lab import TlsHome

from doorward.base.ids import UserId
from doorward.cli.ssh_proxy import carry, run

SECONDS = 20


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """Client and server of one TLS connection."""
    installation = Installation()
    serving = installation.server_context(tmp_path, ["gw.example"], ssl.TLSVersion.TLSv1_3)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    left, right = socket.socketpair()
    made: list[ssl.SSLSocket] = []
    thread = threading.Thread(target=lambda: made.append(serving.wrap_socket(right, server_side=True)))
    thread.start()
    client = trusting.wrap_socket(left)
    thread.join()
    yield client, made[0]
    client.close()
    made[0].close()


class Carrying:
    """`carry` in a thread, between pipes as ssh makes them."""

    def __init__(self, tls: ssl.SSLSocket) -> None:
        self.inside, self.to_proxy = os.pipe()
        self.from_proxy, self.outside = os.pipe()
        self.thread = threading.Thread(target=self._run, args=(tls,), daemon=True)
        self.thread.start()

    def _run(self, tls: ssl.SSLSocket) -> None:
        try:
            carry(tls, self.inside, self.outside)
        finally:
            os.close(self.outside)
            os.close(self.inside)

    def received(self) -> bytes:
        """All that comes out, to the end."""
        with os.fdopen(self.from_proxy, "rb") as pipe:
            return pipe.read()

    def ends(self) -> bool:
        self.thread.join(SECONDS)
        return not self.thread.is_alive()


def received_exactly(peer: ssl.SSLSocket, count: int) -> bytes:
    taken = b""
    while len(taken) < count:
        data = peer.recv(count - len(taken))
        assert data
        taken += data
    return taken


def test_bytes_pass_both_ways_at_once_whoever_waits_for_whom(pair: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    client, server = pair
    carrying = Carrying(client)
    up, down = os.urandom(3_000_000), os.urandom(3_000_000)
    heard: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: _write(carrying.to_proxy, up)),
        threading.Thread(target=lambda: heard.append(carrying.received())),
    ]
    for thread in threads:
        thread.start()
    server.sendall(down)  # all of it, before anything is read: neither direction may wait for the other
    assert received_exactly(server, len(up)) == up
    server.close()
    for thread in threads:
        thread.join(SECONDS)
    assert heard == [down]
    assert carrying.ends()
    os.close(carrying.to_proxy)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def test_it_ends_when_ssh_goes(pair: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    carrying = Carrying(pair[0])
    os.write(carrying.to_proxy, b"last")
    assert received_exactly(pair[1], 4) == b"last"
    os.close(carrying.to_proxy)
    assert carrying.ends()
    os.close(carrying.from_proxy)


def test_what_the_gateway_said_last_still_comes_out(pair: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    carrying = Carrying(pair[0])

    def say() -> None:
        pair[1].sendall(b"x" * 500_000)
        pair[1].close()

    saying = threading.Thread(target=say)
    saying.start()
    assert carrying.received() == b"x" * 500_000
    saying.join(SECONDS)
    assert carrying.ends()
    os.close(carrying.to_proxy)


@pytest.mark.parametrize(
    ("words", "exit_code"), [([], 2), (["a", "b"], 2), (["a b"], 2), (["-x;id"], 2), (["$(id)"], 2), ([".dw"], 2)]
)
def test_what_is_no_node_leads_nowhere(
    words: list[str], exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = TlsHome(tmp_path, 1, UserId("a" * 26))
    monkeypatch.setenv("DOORWARD_HOME", home.write())
    assert run(words) == exit_code


def test_expired_missing_and_broken_sign_ins_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORWARD_HOME", str(tmp_path / "none"))
    assert run(["web"]) == 4
    home = TlsHome(tmp_path / "home", 1, UserId("a" * 26))
    monkeypatch.setenv("DOORWARD_HOME", home.write())
    assert run(["web"]) == 5  # nobody listens on port 1
    for name in ("x509.pem", "x509.key", "installation.pem"):
        home.write()
        (home.directory / name).write_text("nothing")
        assert run(["web"]) == 4
    home.write()
    text = (home.directory / "door").read_text().split("\n")
    (home.directory / "door").write_text("\n".join([text[0], "1000", *text[2:]]))
    assert run(["web"]) == 4
    assert "the sign-in has expired" in capsys.readouterr().err


def test_a_peer_that_talks_something_else_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: _answer(listener, b"SSH-2.0-other\r\n"), daemon=True)
    thread.start()
    home = TlsHome(tmp_path, listener.getsockname()[1], UserId("a" * 26))
    monkeypatch.setenv("DOORWARD_HOME", home.write())
    assert run(["web"]) == 5
    thread.join(SECONDS)
    listener.close()


def _answer(listener: socket.socket, data: bytes) -> None:
    with listener.accept()[0] as sock:
        sock.sendall(data)
        sock.recv(10_000)


def test_starting_loads_sockets_and_tls_and_little_else() -> None:
    """No click, no typing, no JSON: ssh waits for this."""
    code = "import sys; from doorward.cli import entry, ssh_proxy; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(done.stdout.split())
    assert {"ssl", "socket", "select"} <= loaded
    assert not loaded & {"typing", "json", "click", "asyncio", "dataclasses", "cryptography", "httpx2", "msgspec"}
    ours = {name for name in loaded if name.startswith("doorward")}
    assert ours == {
        "doorward",
        "doorward.cli",
        "doorward.cli.entry",
        "doorward.cli.ssh_start",
        "doorward.cli.ssh_proxy",
    }
