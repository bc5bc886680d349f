"""`dw proxy ssh HOST`: the ProxyCommand of `ssh LOGIN@NODE.dw`; carries ssh's bytes to the gateway inside TLS.

Both sides show their X.509 certificates: ours says who asks for the node, so that the gateway shows its face to nobody
else; the gateway's must be of this installation (ADR 0024). What opens the session is the SSH inside, from end to end.
Nothing but the standard library's sockets and TLS is loaded, since ssh waits for it.
"""

import os
import select
import socket
import ssl
import sys
import time

from doorward.cli.ssh_start import (
    NOT_SIGNED_IN_EXIT,
    USAGE_EXIT,
    CanNotStart,
    Door,
    home_directory,
    node_name,
    read_door,
)

ALPN = "doorward-ssh"
UNREACHABLE_EXIT = 5
INTERRUPTED_EXIT = 130
CONNECT_SECONDS = 10.0
CHUNK_BYTES = 65_536
STDIN, STDOUT = 0, 1
X509_CHAIN, X509_KEY, INSTALLATION_ROOT = "x509.pem", "x509.key", "installation.pem"
_NOT_OURS = "the gateway does not prove to be of the installation that you signed in to"


def run(arguments: list[str]) -> int:
    """Carry standard input and output until either side ends; the answer is the exit code."""
    try:
        with open_way(arguments, home_directory(), time.time()) as tls:
            carry(tls, STDIN, STDOUT)
    except CanNotStart as error:
        sys.stderr.write(f"dw: {error}\n")
        return error.exit_code
    except ssl.SSLError as error:
        sys.stderr.write(f"dw: {_tls_line(error)}\n")
        return UNREACHABLE_EXIT
    except OSError as error:
        sys.stderr.write(f"dw: the connection to the gateway broke: {error.strerror or error}\n")
        return UNREACHABLE_EXIT
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT
    return 0


def open_way(arguments: list[str], home: str, now_seconds: float) -> ssl.SSLSocket:
    """A TLS connection to the gateway for the one node that `arguments` name; `CanNotStart` when there is none."""
    if len(arguments) != 1:
        raise CanNotStart("where to? write dw proxy ssh NODE", USAGE_EXIT)
    door = read_door(home)
    node = node_name(arguments[0], door.suffix)
    if now_seconds >= door.expires_seconds:
        raise CanNotStart("the sign-in has expired; run dw login", NOT_SIGNED_IN_EXIT)
    context = tls_context(home)
    try:
        plain = socket.create_connection((door.host, door.port), CONNECT_SECONDS)
    except OSError as error:
        raise CanNotStart(f"the gateway can not be reached: {error.strerror or error}", UNREACHABLE_EXIT) from error
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = context.wrap_socket(plain, server_hostname=f"{node}.{door.suffix}")
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise CanNotStart(_NOT_OURS, UNREACHABLE_EXIT) from error
    except OSError as error:
        plain.close()
        raise CanNotStart("the gateway does not take connections of this kind", UNREACHABLE_EXIT) from error
    if tls.selected_alpn_protocol() != ALPN or not is_gateway(tls, door):
        tls.close()
        raise CanNotStart(_NOT_OURS, UNREACHABLE_EXIT)
    return tls


def tls_context(home: str) -> ssl.SSLContext:
    """Believes the root of the installation and no other, and shows the sign-in's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # A gateway is known by what it is and not by the name of a host: `is_gateway` looks at that.
    context.check_hostname = False
    context.set_alpn_protocols([ALPN])
    try:
        context.load_verify_locations(f"{home}/{INSTALLATION_ROOT}")
        context.load_cert_chain(f"{home}/{X509_CHAIN}", f"{home}/{X509_KEY}")
    except (OSError, ssl.SSLError) as error:
        raise CanNotStart("what the last sign-in left can not be read; run dw login", NOT_SIGNED_IN_EXIT) from error
    return context


def is_gateway(tls: ssl.SSLSocket, door: Door) -> bool:
    """Whether the peer, which has proven to have a certificate under our root, is a gateway of our installation."""
    certificate = tls.getpeercert() or {}
    names = [str(name[1]) for name in certificate.get("subjectAltName", ()) if name[0] == "URI"]
    return len(names) == 1 and names[0].startswith(f"doorward://{door.installation}/gateway/")


def carry(tls: ssl.SSLSocket, source: int, target: int) -> None:
    """Both directions at once, until `source` or the gateway ends; each holds one chunk, so neither runs ahead."""
    tls.setblocking(False)
    os.set_blocking(target, False)
    up = down = b""
    is_over = False
    while down or not is_over:
        readers: list[int] = [] if up or is_over else [source]
        writers: list[int] = [target] if down else []
        if not down and not is_over:
            readers.append(tls.fileno())
        if up and not is_over:
            writers.append(tls.fileno())
        is_waiting = not down and tls.pending() > 0
        ready, _, _ = select.select(readers, writers, [], 0.0 if is_waiting else None)
        if source in ready:
            up = os.read(source, CHUNK_BYTES)
            if not up:
                return  # ssh has gone
        if up and not is_over:
            up = up[_sent(tls, up) :]
        if not down and not is_over:
            received = _received(tls)
            is_over = received == b""
            down = received or b""
        if down:
            down = down[_written(target, down) :]


def _sent(tls: ssl.SSLSocket, data: bytes) -> int:
    try:
        return tls.send(data)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return 0


def _received(tls: ssl.SSLSocket) -> bytes | None:
    """Empty at the end, None when there is nothing yet."""
    try:
        return tls.recv(CHUNK_BYTES)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None


def _written(target: int, data: bytes) -> int:
    try:
        return os.write(target, data)
    except BlockingIOError:
        return 0


def _tls_line(error: ssl.SSLError) -> str:
    if "ALERT" in (error.reason or ""):
        return "the gateway does not accept this sign-in; run dw login"
    return f"the connection to the gateway broke: {error.reason or 'TLS'}"
