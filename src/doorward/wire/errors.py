"""What a sans-I/O machine raises: the peer broke the protocol, or we did."""

from doorward.base.errors import Invalid


class RemoteProtocolError(Invalid):
    """The peer sent what the protocol does not allow; nothing after it can be trusted, so the connection ends."""

    code = "protocol_error"


class LocalProtocolError(RuntimeError):
    """Our own code asked a machine for what its state does not allow: a mistake to fix, never shown to a peer."""
