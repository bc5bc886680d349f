"""The private parts of asyncssh that we lean on: a new version of it is read before it is used.

When this test fails, read what changed in the named methods against `gateway/ssh/asyncssh_internals.py` and
`asyncssh_channels.py`, and only then take the new digests.
"""

import hashlib
import inspect

import asyncssh
import pytest
from asyncssh.auth import ClientAuth
from asyncssh.channel import SSHChannel
from asyncssh.connection import SSHClientConnection, SSHConnection, SSHServerConnection
from asyncssh.crypto import ChachaCipher
from asyncssh.encryption import ChachaEncryption
from asyncssh.kex_dh import _KexDHBase
from asyncssh.packet import SSHPacket, SSHPacketHandler
from asyncssh.public_key import SSHKeyPair

LEANED_ON = {
    SSHConnection: (
        "__init__", "_cleanup", "_force_close", "_process_channel_open", "_process_global_request",
        "_process_service_accept", "_process_service_request", "_process_userauth_failure", "_process_userauth_request",
        "_process_userauth_success", "_recv_data", "_recv_packet", "_recv_pkthdr", "_recv_version", "_send",
        "_send_disconnect", "_send_ext_info", "connection_lost", "connection_made", "data_received", "eof_received",
        "pause_writing", "resume_writing", "send_newkeys", "send_packet", "send_userauth_request",
        "send_userauth_success", "_update_recv_pktlen", "internal_error", "create_task", "abort", "disconnect",
        "_make_global_request", "_process_global_response", "_send_global_request",
    ),
    SSHServerConnection: ("__init__", "_cleanup", "choose_server_host_key", "send_auth_banner"),
    SSHClientConnection: ("__init__", "_connection_made", "_cleanup", "try_next_auth", "validate_server_host_key"),
    SSHChannel: (
        "__init__", "_accept_data", "_cleanup", "_close_send", "_deliver_data", "_discard_recv",
        "_finish_open_request", "_flush_recv_buf", "_flush_send_buf", "_open", "_pause_resume_writing",
        "_process_close",
        "_process_data", "_process_eof", "_process_extended_data", "_process_request", "_process_response", "close",
        "pause_reading", "process_connection_close", "process_open", "resume_reading", "send_packet", "write",
        "write_eof",
    ),
    ClientAuth: ("__init__", "send_request"),
    _KexDHBase: ("_process_init", "_process_reply"),
    SSHPacket: ("get_consumed_payload", "get_full_payload", "get_remaining_payload"),
    SSHPacketHandler: ("process_packet", "_log_packet"),
    SSHKeyPair: ("__init__",),
    ChachaEncryption: ("new", "encrypt_packet", "decrypt_header", "decrypt_packet", "get_mac_params"),
    ChachaCipher: ("__init__", "encrypt_and_sign", "decrypt_header", "verify_and_decrypt"),
}  # fmt: skip
DIGEST = "c799b240517edab89806f5f009e5a3afd9c4f64b0ac4958c6059ca8ebfbebd6c"


def test_the_pinned_version_is_the_one_that_was_read() -> None:
    assert asyncssh.__version__ == "2.24.1"


def test_no_method_that_we_lean_on_has_moved() -> None:
    digest = hashlib.sha256()
    for owner, names in LEANED_ON.items():
        for name in names:
            digest.update(inspect.getsource(getattr(owner, name)).encode())
    assert digest.hexdigest() == DIGEST


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (SSHConnection, "_packet_handlers"),
        (SSHServerConnection, "_packet_handlers"),
        (SSHClientConnection, "_packet_handlers"),
        (SSHChannel, "_packet_handlers"),
    ],
)
def test_packets_are_dispatched_by_tables_that_we_replace(owner: type, name: str) -> None:
    assert isinstance(getattr(owner, name), dict)
