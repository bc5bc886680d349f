"""Prepares asyncssh's options once, with our algorithms and nothing of its own defaults, and starts connections.

Options are expensive to make (configuration files are looked for, keys parsed) and cheap to copy, so one set serves all
users until the host certificate changes, and one all nodes.
"""

import asyncio
import copy
import socket
from collections.abc import Callable
from typing import Final

from asyncssh import SSHClient, SSHServer
from asyncssh.connection import SSHClientConnectionOptions, SSHServerConnectionOptions
from asyncssh.packet import String
from asyncssh.public_key import SSHKey, SSHKeyPair, decode_ssh_public_key

from doorward.gateway.ssh import algorithms, asyncssh_chacha
from doorward.gateway.ssh.asyncssh_internals import ConnectionOwner, NodeConnection, UserConnection

KEEPALIVE_SECONDS: Final = 30
"""A peer that answers nothing for three of these is gone."""
_ED25519: Final = b"ssh-ed25519"
_ED25519_CERTIFICATE: Final = b"ssh-ed25519-cert-v01@openssh.com"


class CertifiedKey(SSHKeyPair):
    """An Ed25519 key in memory with a certificate for it, as asyncssh wants key pairs."""

    _key_type = "local"

    def __init__(self, sign: Callable[[bytes], bytes], public_key: bytes, certificate: bytes) -> None:
        super().__init__(_ED25519, _ED25519, (_ED25519,), (_ED25519_CERTIFICATE,), public_key, None)
        self._sign = sign
        self.algorithm = _ED25519_CERTIFICATE
        self.public_data = certificate

    def sign(self, data: bytes) -> bytes:
        """A signature blob over `data`."""
        return String(_ED25519) + String(self._sign(data))


def user_options(face: CertifiedKey, version: str, sign_in_seconds: float) -> SSHServerConnectionOptions:
    """Options for users' connections, prepared once per host certificate and shared by many connections."""
    asyncssh_chacha.install()
    return SSHServerConnectionOptions(
        server_host_keys=[face],
        server_version=version,
        kex_algs=algorithms.KEY_EXCHANGES,
        encryption_algs=algorithms.CIPHERS,
        mac_algs=algorithms.MACS,
        compression_algs=algorithms.COMPRESSIONS,
        signature_algs=algorithms.USER_SIGNATURES,
        login_timeout=sign_in_seconds,
        config=None,
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
        agent_forwarding=False,
        x11_forwarding=False,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        keepalive_interval=KEEPALIVE_SECONDS,
        line_editor=False,
        encoding=None,
    )


def node_options(version: str, handshake_seconds: float) -> SSHClientConnectionOptions:
    """Options for connections to nodes, prepared once and shared."""
    asyncssh_chacha.install()
    return SSHClientConnectionOptions(
        client_version=version,
        kex_algs=algorithms.KEY_EXCHANGES,
        encryption_algs=algorithms.CIPHERS_TO_NODES,
        mac_algs=algorithms.MACS,
        compression_algs=algorithms.COMPRESSIONS,
        signature_algs=algorithms.USER_SIGNATURES,
        login_timeout=handshake_seconds,
        config=None,
        known_hosts=None,
        username="-",
        client_keys=None,
        agent_path=None,
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
        keepalive_interval=KEEPALIVE_SECONDS,
        x509_trusted_certs=None,
        x509_trusted_cert_paths=(),
        encoding=None,
    )


def serve_user(shared: SSHServerConnectionOptions, owner: ConnectionOwner) -> UserConnection:
    """A protocol for one accepted socket."""
    options = copy.copy(shared)
    options.protocol_factory = lambda: _Owner(owner)
    return UserConnection(asyncio.get_running_loop(), options, owner)


async def connect_to_node(
    sock: socket.socket,
    shared: SSHClientConnectionOptions,
    owner: ConnectionOwner,
    *,
    login: str,
    key: SSHKeyPair,
    host_key_algorithms: tuple[str, ...],
    check_host: Callable[[bytes], SSHKey],
) -> NodeConnection:
    """Handshake and log in over a connected socket; the caller sets the deadline. asyncssh's errors come through."""
    loop = asyncio.get_running_loop()
    options = copy.copy(shared)
    options.protocol_factory = lambda: _Owner(owner)
    options.username = login
    options.server_host_key_algs = list(host_key_algorithms)
    options.host = "node"  # never resolved: the socket is connected
    options.waiter = loop.create_future()
    _, connection = await loop.create_connection(
        lambda: NodeConnection(loop, options, owner, key, check_host), sock=sock
    )
    try:
        await options.waiter
    except BaseException:
        connection.abort()
        raise
    return connection


def host_key_of(blob: bytes) -> SSHKey:
    """The key in a public key blob, as asyncssh verifies with it; ValueError when it can not be read."""
    return decode_ssh_public_key(blob)


class _Owner(SSHServer, SSHClient):  # type: ignore[misc]
    """asyncssh's idea of an owner, reduced to telling ours."""

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.connection_gone(exc)

    def auth_completed(self) -> None:
        self._owner.connection_ready()
