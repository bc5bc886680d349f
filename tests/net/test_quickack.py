"""What is acknowledged at once is TCP, and nothing else is touched."""

import socket

from doorward.net.quickack import acknowledge_at_once, acknowledgeable


def test_tcp_is_acknowledged_at_once() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as ours, listener.accept()[0] as theirs:
            theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            descriptor = acknowledgeable(theirs)
            assert descriptor == theirs.fileno()
            assert not theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)
            acknowledge_at_once(descriptor)
            assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)
            assert ours.fileno() != descriptor


def test_what_is_no_tcp_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert acknowledgeable(ours) is None
    assert acknowledgeable(None) is None
