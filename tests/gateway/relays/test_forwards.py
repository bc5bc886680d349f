"""What may be forwarded, by playbook: requests of both sides and their verdicts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.domain.access.obligations import Obligations
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.gateway.relays.forwards import ForwardRules, Listen, Place
from doorward.gateway.relays.ssh_tables import CANCEL, FORWARDS_MAX, FROM_NODES, FROM_USERS, LISTEN, LISTENERS_MAX
from doorward.gateway.relays.verdicts import Open, Refuse
from doorward.wire.ssh.fields import encode_string, encode_uint32

ALL = Obligations(port_forwarding_local=True, port_forwarding_remote=True, forward_agent=True)
TCP, UNIX, AGENT = b"forwarded-tcpip", b"forwarded-streamlocal@openssh.com", b"auth-agent@openssh.com"
STREAM_LISTEN = b"streamlocal-forward@openssh.com"


def port(host: bytes, number: int) -> bytes:
    return encode_string(host) + encode_uint32(number)


ORIGIN = port(b"127.0.0.1", 50_000)
DIRECT = {
    b"direct-tcpip": port(b"db.internal", 5432) + ORIGIN,
    b"direct-streamlocal@openssh.com": encode_string(b"/run/db.sock") + encode_string(b"") + encode_uint32(0),
}


def rules(obligations: Obligations = ALL, level: RecordingLevel = RecordingLevel.OUTPUT) -> ForwardRules:
    return ForwardRules(obligations, level)


def listening(host: bytes = b"localhost", number: int = 8080) -> ForwardRules:
    made = rules()
    listen = made.listen(b"tcpip-forward", port(host, number))
    assert isinstance(listen, Listen)
    made.answered(listen, b"" if number else encode_uint32(45_000))
    return made


@pytest.mark.parametrize(
    ("kind", "stream", "destination"),
    [
        (b"direct-tcpip", StreamKind.LOCAL_FORWARD, "db.internal:5432"),
        (b"direct-streamlocal@openssh.com", StreamKind.UNIX_FORWARD, "/run/db.sock"),
    ],
)
def test_a_local_forward_is_opened_with_its_destination(kind: bytes, stream: StreamKind, destination: str) -> None:
    opened = rules().from_user(kind, DIRECT[kind])
    assert isinstance(opened, Open)
    assert (opened.body.kind, opened.body.destination, opened.body.level) == (stream, destination, "output")


def test_an_address_of_ipv6_is_written_in_brackets() -> None:
    opened = rules().from_user(b"direct-tcpip", port(b"::1", 22) + ORIGIN)
    assert isinstance(opened, Open)
    assert opened.body.destination == "[::1]:22"


@pytest.mark.parametrize("kind", FROM_USERS)
@pytest.mark.parametrize(
    ("obligations", "level", "said"),
    [
        (Obligations(), RecordingLevel.OUTPUT, "your access does not include"),
        (Obligations(port_forwarding_remote=True, forward_agent=True), RecordingLevel.NONE, "does not include"),
        (ALL, RecordingLevel.STRICT, "everything is recorded"),
    ],
)
def test_local_forwards_need_their_own_permission_and_a_level_below_strict(
    kind: bytes, obligations: Obligations, level: RecordingLevel, said: str
) -> None:
    refused = rules(obligations, level).from_user(kind, DIRECT[kind])
    assert isinstance(refused, Refuse)
    assert said in refused.line
    assert refused.asked in ("db.internal:5432", "/run/db.sock")


@pytest.mark.parametrize(
    ("obligations", "level"),
    [
        (Obligations(port_forwarding_local=True, forward_agent=True), RecordingLevel.NONE),
        (ALL, RecordingLevel.STRICT),
    ],
)
@pytest.mark.parametrize("name", LISTEN)
def test_remote_forwards_need_their_own_permission_and_a_level_below_strict(
    name: bytes, obligations: Obligations, level: RecordingLevel
) -> None:
    data = port(b"localhost", 8080) if name == b"tcpip-forward" else encode_string(b"/tmp/socket")
    refused = rules(obligations, level).listen(name, data)
    assert isinstance(refused, Refuse)
    assert refused.kind == "remote_forward"
    assert refused.line.startswith("doorward: ")


def test_a_node_may_open_what_it_was_asked_to_listen_for_and_nothing_else() -> None:
    made = listening(number=8080)
    assert isinstance(made.from_node(TCP, port(b"localhost", 8080) + ORIGIN), Open)
    for other in (port(b"localhost", 8081), port(b"127.0.0.1", 8080), port(b"", 8080)):
        assert isinstance(made.from_node(TCP, other + ORIGIN), Refuse)
    assert isinstance(rules().from_node(TCP, port(b"localhost", 8080) + ORIGIN), Refuse)


def test_a_port_of_the_nodes_choice_is_known_from_its_answer_on() -> None:
    made = rules()
    listen = made.listen(b"tcpip-forward", port(b"localhost", 0))
    assert listen == Listen(Place(b"localhost", 0))
    assert isinstance(listen, Listen)
    assert isinstance(made.from_node(TCP, port(b"localhost", 45_000) + ORIGIN), Open), (
        "it may be faster than the answer"
    )
    assert made.answered(listen, encode_uint32(45_000)) == Place(b"localhost", 45_000)
    assert isinstance(made.from_node(TCP, port(b"localhost", 45_000) + ORIGIN), Open)
    assert isinstance(made.from_node(TCP, port(b"localhost", 45_001) + ORIGIN), Refuse)


def test_where_the_node_does_not_listen_nothing_may_be_opened() -> None:
    made = rules()
    listen = made.listen(b"tcpip-forward", port(b"localhost", 8080))
    assert isinstance(listen, Listen)
    assert made.answered(listen, None) is None
    assert isinstance(made.from_node(TCP, port(b"localhost", 8080) + ORIGIN), Refuse)


def test_what_is_cancelled_may_not_be_opened_any_more() -> None:
    made = listening(number=8080)
    cancel = made.listen(b"cancel-tcpip-forward", port(b"localhost", 8080))
    assert cancel == Listen(Place(b"localhost", 8080), is_cancel=True)
    assert isinstance(cancel, Listen)
    made.answered(cancel, b"")
    assert isinstance(made.from_node(TCP, port(b"localhost", 8080) + ORIGIN), Refuse)
    assert isinstance(made.listen(b"cancel-tcpip-forward", port(b"localhost", 8080)), Refuse)


def test_a_socket_on_the_node_is_a_place_of_its_own() -> None:
    made = rules()
    listen = made.listen(STREAM_LISTEN, encode_string(b"/tmp/s"))
    assert isinstance(listen, Listen)
    assert made.answered(listen, b"") == Place(b"/tmp/s", 0, is_socket=True)
    assert isinstance(made.from_node(UNIX, encode_string(b"/tmp/s") + encode_string(b"")), Open)
    assert isinstance(made.from_node(UNIX, encode_string(b"/tmp/other") + encode_string(b"")), Refuse)
    assert isinstance(made.from_node(TCP, port(b"/tmp/s", 1) + ORIGIN), Refuse)


def test_an_agent_may_be_reached_only_after_it_was_offered() -> None:
    made = rules()
    assert isinstance(made.from_node(AGENT, b""), Refuse)
    assert made.agent_asked() is None
    opened = made.from_node(AGENT, b"")
    assert isinstance(opened, Open)
    assert opened.body.kind is StreamKind.AGENT
    refused = rules(Obligations())
    assert refused.agent_asked() is not None
    assert isinstance(refused.from_node(AGENT, b""), Refuse)


def test_connections_are_limited_and_come_back() -> None:
    made = rules()
    for _ in range(FORWARDS_MAX):
        assert isinstance(made.from_user(b"direct-tcpip", DIRECT[b"direct-tcpip"]), Open)
    refused = made.from_user(b"direct-tcpip", DIRECT[b"direct-tcpip"])
    assert isinstance(refused, Refuse)
    assert str(FORWARDS_MAX) in refused.line
    made.gone()
    assert isinstance(made.from_user(b"direct-tcpip", DIRECT[b"direct-tcpip"]), Open)


def test_listeners_are_limited() -> None:
    made = rules()
    for number in range(1, LISTENERS_MAX + 1):
        assert isinstance(made.listen(b"tcpip-forward", port(b"", number)), Listen)
    assert isinstance(made.listen(b"tcpip-forward", port(b"", 9999)), Refuse)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"direct-tcpip", port(b"", 80) + ORIGIN),
        (b"direct-tcpip", port(b"host", 0) + ORIGIN),
        (b"direct-tcpip", port(b"host", 65_536) + ORIGIN),
        (b"direct-tcpip", port(b"ho st", 80) + ORIGIN),
        (b"direct-tcpip", port(b"host\x1b[31m", 80) + ORIGIN),
        (b"direct-tcpip", port(b"h" * 256, 80) + ORIGIN),
        (b"direct-tcpip", port(b"host", 80)),
        (b"direct-tcpip", port(b"host", 80) + ORIGIN + b"\0"),
        (b"direct-streamlocal@openssh.com", encode_string(b"") + encode_string(b"") + encode_uint32(0)),
        (b"direct-streamlocal@openssh.com", encode_string(b"/a\0b") + encode_string(b"") + encode_uint32(0)),
        (b"direct-streamlocal@openssh.com", encode_string(b"/a")),
    ],
)
def test_places_that_can_not_be_are_refused(kind: bytes, data: bytes) -> None:
    assert isinstance(rules().from_user(kind, data), Refuse)


@given(data=st.binary(max_size=80))
def test_noise_is_refused_and_never_raises(data: bytes) -> None:
    made = listening()
    for kind in FROM_USERS:
        made.from_user(kind, data)
    for kind in FROM_NODES:
        assert isinstance(made.from_node(kind, data), Refuse)
    for name in (*LISTEN, *CANCEL):
        made.listen(name, data)


@given(
    local=st.booleans(),
    remote=st.booleans(),
    agent=st.booleans(),
    level=st.sampled_from(RecordingLevel),
    kind=st.sampled_from([*FROM_USERS, *LISTEN, AGENT]),
)
def test_each_permission_opens_its_own_kind_and_strict_opens_none(
    local: bool, remote: bool, agent: bool, level: RecordingLevel, kind: bytes
) -> None:
    given_ones = Obligations(port_forwarding_local=local, port_forwarding_remote=remote, forward_agent=agent)
    made = rules(given_ones, level)
    if kind == AGENT:
        allowed, permission = made.agent_asked() is None, agent
    elif kind in LISTEN:
        data = port(b"", 80) if kind == b"tcpip-forward" else encode_string(b"/tmp/s")
        allowed, permission = isinstance(made.listen(kind, data), Listen), remote
    else:
        allowed, permission = isinstance(made.from_user(kind, DIRECT[kind]), Open), local
    assert allowed == (permission and level is not RecordingLevel.STRICT)
