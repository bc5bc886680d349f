"""Looking at sessions and ending them."""

from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority

from doorward.api.bodies.sessions import SessionList, SessionView

ID = "s" * 26
VIEW = SessionView(
    id=ID,
    state="active",
    user_name="bob",
    node_name="web",
    login="root",
    source="10.0.0.9",
    basis="standing",
    opened="2026-01-01T00:00:00.123456+00:00",
    started=None,
    ended=None,
    end_reason=None,
    level_asked="output",
    level_achieved="",
    bytes_in=0,
    bytes_out=5,
    facts={"command": "cat\x1b]0;x\x07", "was_presumed": True},
)


def test_list_asks_for_what_was_named(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/sessions"] = (200, SessionList([VIEW]))
    rows = alice("sessions", "ls", "--user", "bob & co", "--node", "web", "--live").out.splitlines()
    assert rows[1].split() == [ID, "bob", "root@web", "2026-01-01T00:00:00Z", "active"]
    assert stub.seen[-1].path == "/v1/sessions?limit=50&user=bob+%26+co&node=web&live=true"


def test_show_escapes_what_ran(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers[f"GET /v1/sessions/{ID}"] = (200, VIEW)
    out = alice("sessions", "show", ID).out
    assert "bytes out: 5\n" in out
    assert out.endswith("bytes out: 5\ncommand: cat\\x1b]0;x\\x07\nwas presumed: true\n")
    assert "\x1b" not in out
    assert "started" not in out


def test_end_carries_the_message(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers[f"POST /v1/sessions/{ID}/end"] = (200, VIEW)
    assert alice("sessions", "end", ID, "--message", "lunch").exit_code == 0
    assert stub.seen[-1].json == {"message": "lunch"}
