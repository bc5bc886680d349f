"""The two sides of a broken protocol are told apart."""

from doorward.base.errors import DoorwardError, Invalid
from doorward.wire.errors import LocalProtocolError, RemoteProtocolError


def test_a_peers_mistake_is_bad_input_with_a_stable_code() -> None:
    assert isinstance(RemoteProtocolError("reading"), Invalid)
    assert RemoteProtocolError.code == "protocol_error"


def test_our_own_mistake_is_never_reported_as_input() -> None:
    assert not issubclass(LocalProtocolError, DoorwardError)
