"""What may happen in an SSH session, by playbook: requests and their verdicts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.domain.access.obligations import Obligations
from doorward.domain.recording.frames import Exited, Note, Resized, Signalled
from doorward.domain.recording.levels import Content, RecordingLevel, StreamKind
from doorward.gateway.relays.ssh import _NODE_REQUESTS, _USER_REQUESTS, ChannelRelay, SshRelay
from doorward.gateway.relays.ssh_tables import (
    CHANNELS_MAX,
    COMMAND_BYTES_MAX,
    ENVIRONMENT_COUNT_MAX,
    FROM_NODES,
    NEVER_OFFERED,
)
from doorward.gateway.relays.verdicts import Answer, Forward, Refuse
from doorward.wire.ssh.fields import encode_string, encode_uint32

ALL = Obligations(
    port_forwarding_local=True, port_forwarding_remote=True, forward_agent=True, permit_shell=True, permit_exec=True
)
PTY = encode_string(b"xterm") + encode_uint32(80) + encode_uint32(24) + encode_uint32(0) * 2 + encode_string(b"\0")
RESIZE = encode_uint32(100) + encode_uint32(50) + encode_uint32(0) * 2


def channel(obligations: Obligations = ALL, level: RecordingLevel = RecordingLevel.OUTPUT) -> ChannelRelay:
    granted = SshRelay(obligations, level).channel_requested(b"session")
    assert isinstance(granted, ChannelRelay)
    return granted


def env(name: bytes, value: bytes) -> bytes:
    return encode_string(name) + encode_string(value)


@pytest.mark.parametrize("kind", [*NEVER_OFFERED, *FROM_NODES, b"", b"no-such", b"\xff"])
def test_every_channel_but_a_session_is_refused_with_a_line_even_when_roles_would_allow_it(kind: bytes) -> None:
    refused = SshRelay(ALL, RecordingLevel.NONE).channel_requested(kind)
    assert isinstance(refused, Refuse)
    assert refused.line.startswith("doorward: ")
    assert refused.kind


def test_channels_are_limited_and_come_back() -> None:
    relay = SshRelay(replace(ALL, max_sessions=1_000), RecordingLevel.OUTPUT)
    for _ in range(CHANNELS_MAX):
        assert isinstance(relay.channel_requested(b"session"), ChannelRelay)
    assert isinstance(relay.channel_requested(b"session"), Refuse)
    relay.channel_gone()
    assert isinstance(relay.channel_requested(b"session"), ChannelRelay)


def test_no_more_sessions_means_it() -> None:
    relay = SshRelay(ALL, RecordingLevel.OUTPUT)
    assert relay.global_request(b"no-more-sessions@openssh.com")
    assert isinstance(relay.channel_requested(b"session"), Refuse)


@pytest.mark.parametrize("name", [b"keepalive@openssh.com", b"hostkeys-prove-00@openssh.com", b"no-such", b""])
def test_no_other_global_request_is_granted(name: bytes) -> None:
    assert not SshRelay(ALL, RecordingLevel.NONE).global_request(name)


def test_a_shell_with_a_terminal_is_opened_resized_and_ended() -> None:
    relay = channel()
    assert relay.from_user(b"env", env(b"LANG", b"de_DE.UTF-8")) == Forward()
    assert relay.from_user(b"pty-req", PTY) == Forward()
    opened = relay.from_user(b"shell", b"")
    assert isinstance(opened, Forward)
    assert opened.opens is not None
    body = opened.opens.body
    assert (body.kind, body.term, body.columns, body.rows, body.level) == (StreamKind.SHELL, "xterm", 80, 24, "output")
    assert (opened.opens.covered.output, opened.opens.covered.input) == (Content.STORED, Content.UNSTORED)
    assert relay.has_terminal
    assert relay.from_user(b"window-change", RESIZE) == Forward(record=Resized(100, 50))
    assert relay.from_user(b"signal", encode_string(b"INT")) == Forward(record=Signalled("INT"))
    assert relay.from_node(b"exit-status", encode_uint32(3)) == Forward(record=Exited(status=3), is_end=True)
    assert relay.from_node(b"exit-status", encode_uint32(4)) == Answer(ok=False)


def test_a_command_is_kept_byte_by_byte_and_only_one_runs() -> None:
    relay = channel(level=RecordingLevel.STRICT)
    opened = relay.from_user(b"exec", encode_string(b"echo \xff\x00"))
    assert isinstance(opened, Forward)
    assert opened.opens is not None
    assert opened.opens.body.command == b"echo \xff\x00"
    assert opened.opens.covered.input is Content.STORED
    again = relay.from_user(b"exec", encode_string(b"true"))
    assert isinstance(again, Refuse)
    assert not again.ends


@pytest.mark.parametrize(
    ("obligations", "name", "data"),
    [
        (Obligations(permit_shell=False), b"shell", b""),
        (Obligations(permit_exec=False), b"exec", encode_string(b"true")),
        (Obligations(file_copy=False), b"exec", encode_string(b"/usr/bin/scp -t .")),
        (Obligations(file_copy=False), b"exec", encode_string(b"rsync --server")),
        (Obligations(file_copy=False), b"subsystem", encode_string(b"sftp")),
        (Obligations(), b"subsystem", encode_string(b"netconf")),
        (Obligations(), b"exec", encode_string(b"x" * (COMMAND_BYTES_MAX + 1))),
        (Obligations(), b"exec", b"\0\0"),
    ],
)
def test_what_the_plan_does_not_hold_ends_the_channel_with_a_line(
    obligations: Obligations, name: bytes, data: bytes
) -> None:
    refused = channel(obligations).from_user(name, data)
    assert isinstance(refused, Refuse)
    assert refused.ends
    assert refused.line.startswith("doorward: ")


@pytest.mark.parametrize("level", RecordingLevel)
def test_sftp_is_read_along_wherever_something_is_recorded(level: RecordingLevel) -> None:
    opened = channel(level=level).from_user(b"subsystem", encode_string(b"sftp"))
    assert isinstance(opened, Forward)
    assert opened.opens is not None
    read_along = Content.UNSTORED if level is RecordingLevel.NONE else Content.DIGEST
    assert (opened.opens.body.kind, opened.opens.covered.input) == (StreamKind.SFTP, read_along)


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [
        (b"LANG", b"C", True),
        (b"LC_ALL", b"en_GB.UTF-8", True),
        (b"TERM", b"xterm", True),
        (b"COLORTERM", b"truecolor", True),
        (b"PATH", b"/tmp", False),
        (b"LD_PRELOAD", b"x", False),
        (b"LC_", b"x", False),
        (b"LC_all", b"x", False),
        (b"LANG\n", b"x", False),
        (b"LANG", b"a b", False),
        (b"LANG", b"x" * 65, False),
        (b"LC_ALL", b"$(id)", False),
        (b"LC_ALL", b"/bin/sh", False),
        (b"LC_ALL", b"a;b", False),
        (b"LANG", b"\x1b[31m", False),
    ],
)
def test_the_environment_is_an_allow_list(name: bytes, value: bytes, passes: bool) -> None:
    assert channel().from_user(b"env", env(name, value)) == (Forward() if passes else Answer(ok=False))


def test_under_strict_no_variable_passes_since_none_is_stored() -> None:
    relay = channel(level=RecordingLevel.STRICT)
    assert relay.from_user(b"env", env(b"LANG", b"C")) == Answer(ok=False)


def test_variables_are_counted_and_come_before_the_command() -> None:
    relay = channel()
    verdicts = [relay.from_user(b"env", env(b"LANG", b"C")) for _ in range(ENVIRONMENT_COUNT_MAX + 1)]
    assert verdicts == [Forward()] * ENVIRONMENT_COUNT_MAX + [Answer(ok=False)]
    late = channel()
    late.from_user(b"shell", b"")
    assert late.from_user(b"env", env(b"LANG", b"C")) == Answer(ok=False)


@pytest.mark.parametrize("name", [b"x11-req", b"no-such-request", b""])
def test_other_requests_are_refused(name: bytes) -> None:
    assert isinstance(channel().from_user(name, b""), Refuse)


def test_x11_is_refused_with_a_line_whatever_roles_say() -> None:
    refused = channel(ALL, RecordingLevel.NONE).from_user(b"x11-req", b"")
    assert refused == Refuse("doorward: X11 forwarding is not offered by this gateway", "x11")


AGENT_LINE = "doorward: your access does not include agent forwarding"


def test_an_agent_is_offered_to_the_node_only_when_the_role_allows_it() -> None:
    name = b"auth-agent-req@openssh.com"
    assert channel().from_user(name, b"") == Forward()
    refused = channel(Obligations(forward_agent=False)).from_user(name, b"")
    assert refused == Refuse(AGENT_LINE, "agent")
    assert isinstance(channel(level=RecordingLevel.STRICT).from_user(name, b""), Refuse)
    assert isinstance(channel().from_user(name, b"more"), Refuse)


def test_nothing_happens_to_what_has_not_begun() -> None:
    relay = channel()
    assert relay.from_user(b"window-change", RESIZE) == Answer(ok=False)
    assert relay.from_user(b"signal", encode_string(b"KILL")) == Answer(ok=False)
    assert relay.from_node(b"exit-status", encode_uint32(0)) == Answer(ok=False)


def test_a_signal_is_a_name() -> None:
    relay = channel()
    relay.from_user(b"shell", b"")
    assert relay.from_user(b"signal", encode_string(b"INT\x1b")) == Answer(ok=False)
    assert relay.from_user(b"signal", encode_string(b"USR1")) == Forward(record=Signalled("USR1"))


STRICT = RecordingLevel.STRICT
NAMES = sorted({*_USER_REQUESTS, *_NODE_REQUESTS})


def running(level: RecordingLevel = STRICT) -> ChannelRelay:
    relay = channel(level=level)
    relay.from_user(b"pty-req", PTY)
    relay.from_user(b"shell", b"")
    return relay


@pytest.mark.parametrize("level", RecordingLevel)
def test_who_wants_no_more_says_so_once_and_without_a_payload(level: RecordingLevel) -> None:
    for ask in (ChannelRelay.from_user, ChannelRelay.from_node):
        relay = running(level)
        assert not isinstance(ask(relay, b"eow@openssh.com", b"ten thousand secrets"), Forward)
        assert ask(relay, b"eow@openssh.com", b"") == Forward()
        assert ask(relay, b"eow@openssh.com", b"") == Answer(ok=False)


def test_a_hint_about_flow_control_is_one_truth_and_none_under_strict() -> None:
    assert running(RecordingLevel.OUTPUT).from_node(b"xon-xoff", b"\1") == Forward()
    assert running(RecordingLevel.OUTPUT).from_node(b"xon-xoff", b"\1 and more") == Answer(ok=False)
    assert running(RecordingLevel.OUTPUT).from_node(b"xon-xoff", b"\2") == Answer(ok=False)
    assert running().from_node(b"xon-xoff", b"\1") == Answer(ok=False)


def exit_signal(name: bytes, message: bytes, language: bytes = b"") -> bytes:
    return encode_string(name) + b"\1" + encode_string(message) + encode_string(language)


@pytest.mark.parametrize("level", [RecordingLevel.NONE, RecordingLevel.OUTPUT, STRICT])
def test_of_a_programs_last_words_passes_what_is_stored_and_no_more(level: RecordingLevel) -> None:
    verdict = running(level).from_node(
        b"exit-signal", exit_signal(b"SEGV", b"\x1b]0;x\x07" + b"m" * 100_000, b"xx" * 99)
    )
    assert isinstance(verdict, Forward)
    assert isinstance(verdict.record, Exited)
    message = verdict.record.message
    assert message.startswith("\\x1b]0;x\\x07mmm")
    assert len(message) < 300
    assert verdict.data == exit_signal(b"SEGV", message.encode())
    assert running(level).from_node(b"exit-signal", exit_signal(b"no such name", b"")) == Answer(ok=False)


def test_strict_stores_terminal_modes_and_lets_no_pixels_pass() -> None:
    modes = encode_string(b"\x03\0\0\0\x7f\0")
    asked = encode_string(b"xterm") + encode_uint32(80) + encode_uint32(24) + b"pixels!!" + modes
    verdict = channel(level=STRICT).from_user(b"pty-req", asked)
    assert verdict == Forward(
        record=Note("terminal.asked", detail="xterm 80x24 modes 030000007f00"),
        data=encode_string(b"xterm") + encode_uint32(80) + encode_uint32(24) + encode_uint32(0) * 2 + modes,
    )
    resized = running().from_user(b"window-change", encode_uint32(9) + encode_uint32(8) + b"pixels!!")
    assert resized == Forward(record=Resized(9, 8), data=encode_uint32(9) + encode_uint32(8) + encode_uint32(0) * 2)
    ended = running().from_user(b"break", b"\xde\xad\xbe\xef")
    assert ended == Forward(record=Signalled("BREAK"), data=encode_uint32(0))


def test_a_role_says_how_many_channels_one_connection_has() -> None:
    relay = SshRelay(Obligations(max_sessions=2), RecordingLevel.OUTPUT)
    assert isinstance(relay.channel_requested(b"session"), ChannelRelay)
    assert isinstance(relay.channel_requested(b"session"), ChannelRelay)
    refused = relay.channel_requested(b"session")
    assert isinstance(refused, Refuse)
    assert "at most 2 " in refused.line


@given(name=st.sampled_from([*NAMES, b"x"]), data=st.binary())
def test_noise_never_raises_and_never_begins_a_stream_by_accident(name: bytes, data: bytes) -> None:
    relay = channel()
    verdict = relay.from_user(name, data)
    assert not isinstance(verdict, Forward) or verdict.opens is None or name in (b"exec", b"shell")
    relay.from_node(name, data)


SHAPES = {
    b"pty-req": PTY,
    b"env": env(b"LANG", b"C"),
    b"exec": encode_string(b"ls"),
    b"subsystem": encode_string(b"sftp"),
    b"window-change": RESIZE,
    b"signal": encode_string(b"INT"),
    b"break": encode_uint32(500),
    b"exit-status": encode_uint32(0),
    b"exit-signal": exit_signal(b"TERM", b"over"),
    b"xon-xoff": b"\1",
}


@given(
    name=st.sampled_from(NAMES), more=st.binary(min_size=1, max_size=40), level=st.sampled_from(RecordingLevel),
    has_begun=st.booleans(), is_user=st.booleans(),
)  # fmt: skip
def test_bytes_behind_a_request_never_pass(
    name: bytes, more: bytes, level: RecordingLevel, has_begun: bool, is_user: bool
) -> None:
    relay = running(level) if has_begun else channel(level=level)
    ask = relay.from_user if is_user else relay.from_node
    assert not isinstance(ask(name, SHAPES.get(name, b"") + more), Forward)


@given(name=st.sampled_from(NAMES), data=st.binary(max_size=60), has_begun=st.booleans(), is_user=st.booleans())
def test_under_strict_a_request_that_passes_is_stored_or_says_nothing(
    name: bytes, data: bytes, has_begun: bool, is_user: bool
) -> None:
    relay = running() if has_begun else channel(level=STRICT)
    for asked in (data, SHAPES.get(name, b"")):
        verdict = (relay.from_user if is_user else relay.from_node)(name, asked)
        if isinstance(verdict, Forward):
            assert verdict.record is not None or verdict.opens is not None or verdict.passes(asked) == b""


@given(
    shell=st.booleans(), execs=st.booleans(), copy=st.booleans(), level=st.sampled_from(RecordingLevel), data=st.data()
)
def test_taking_a_permission_away_never_allows_more(
    shell: bool, execs: bool, copy: bool, level: RecordingLevel, data: st.DataObject
) -> None:
    request = data.draw(
        st.sampled_from(
            [
                (b"shell", b""),
                (b"exec", encode_string(b"scp -f x")),
                (b"exec", encode_string(b"ls")),
                (b"subsystem", encode_string(b"sftp")),
            ]
        )
    )
    less = channel(Obligations(permit_shell=shell, permit_exec=execs, file_copy=copy), level).from_user(*request)
    more = channel(Obligations(), level).from_user(*request)
    assert not isinstance(less, Forward) or isinstance(more, Forward)
