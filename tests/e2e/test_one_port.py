"""The one port: SSH and TLS told apart, and what is neither goes away."""

import contextlib
import os
import socket
import ssl
import time
from typing import Final

import pytest
from tests.support.house import House, eventually, role

ANSWER_SECONDS_MAX: Final = 5.0
FIRST_BYTES_SECONDS_MAX: Final = 15.0


def connected(house: House) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", house.installation.port), timeout=ANSWER_SECONDS_MAX)
    connection.settimeout(ANSWER_SECONDS_MAX)
    return connection


def all_that_comes(connection: socket.socket) -> bytes:
    received = b""
    try:
        while data := connection.recv(4096):
            received += data
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize(
    "first",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0" * 64, b"\x16\x03\x01\x00\x05hello", b"\xff" * 4096],
    ids=["http", "zeros", "no-client-hello", "high-bytes"],
)
def test_what_is_neither_ssh_nor_tls_is_closed(house: House, first: bytes) -> None:
    with connected(house) as connection:
        connection.sendall(first)
        assert b"SSH-" not in all_that_comes(connection)


def test_noise_leaves_the_port_in_service(house: House) -> None:
    for _ in range(20):
        with connected(house) as connection:
            connection.sendall(os.urandom(512))
    assert house.admin.run("status").returncode == 0


def test_a_broken_ssh_banner_is_answered_by_a_close(house: House) -> None:
    with connected(house) as connection:
        connection.sendall(b"SSH-2.0-" + b"x" * 5000 + b"\r\n")
        all_that_comes(connection)


def test_a_huge_packet_is_answered_by_a_close(house: House) -> None:
    with connected(house) as connection:
        connection.sendall(b"SSH-2.0-attacker\r\n" + b"\x7f\xff\xff\xff" + b"\0" * 60_000)
        all_that_comes(connection)


def test_tls_of_the_authority_is_not_the_gateways(house: House) -> None:
    """The certificate comes from the authority's own listener: both ports show the same."""
    shown = [
        ssl.get_server_certificate(("localhost", port), timeout=ANSWER_SECONDS_MAX)
        for port in (house.installation.port, house.installation.authority_port)
    ]
    assert shown[0] == shown[1]


def test_a_silent_connection_is_dropped(house: House) -> None:
    with connected(house) as connection:
        connection.settimeout(FIRST_BYTES_SECONDS_MAX)
        before = time.monotonic()
        assert all_that_comes(connection) == b""
        assert time.monotonic() - before < FIRST_BYTES_SECONDS_MAX


def test_many_half_open_connections_do_not_shut_the_door(house: House) -> None:
    silent = [connected(house) for _ in range(300)]
    try:
        eventually(lambda: house.admin.run("status").returncode == 0, "the port serves nobody")
    finally:
        for connection in silent:
            connection.close()


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(
            ssl.MemoryBIO(), outgoing, server_hostname="localhost"
        ).do_handshake()  # fmt: skip
    return outgoing.read()


@pytest.mark.parametrize("way", ["through the gateway", "at the authority"])
def test_hellos_without_end_shut_neither_the_gateway_nor_the_authority(house: House, way: str) -> None:
    """From the very address from which the gateway and its users come; no place is free when they come."""
    port = house.installation.port if way == "through the gateway" else house.installation.authority_port
    house.admin.dw("apply", "-f", "-", stdin=role("flooded"))
    person = house.user(f"flooded-{way.split(maxsplit=1)[0]}", "flooded")
    hello, held = client_hello(), list[socket.socket]()
    try:
        for _ in range(400):
            held.append(socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX))
            held[-1].sendall(hello)
        assert house.admin.run("status").returncode == 0
        assert house.ssh(person, "true").returncode == 0
    finally:
        for connection in held:
            connection.close()
