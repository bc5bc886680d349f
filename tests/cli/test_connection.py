"""Calls under the sign-in's certificate, and the exit codes of what can go wrong with them."""

import pytest
from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority, problem

from doorward.cli.keep import Keep
from doorward.cli.profile import load_profile


def test_calls_show_the_certificate_of_the_sign_in(alice: CommandLine, stub: StubAuthority) -> None:
    done = alice("status")
    assert done.exit_code == 0
    assert done.out.splitlines()[:3] == ["alice until 2026-01-01T00:00:00Z", "roles: access", "live sessions: 0"]
    certificate = stub.asked("GET /v1/status")[0].certificate
    assert certificate is not None
    assert stub.user_id.encode() in certificate


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [
        (400, "invalid", 1),
        (404, "missing", 1),
        (409, "conflict", 1),
        (403, "refused", 3),
        (401, "refused", 4),
        (503, "unavailable", 5),
        (500, "something new", 5),
    ],
)
def test_each_kind_of_problem_has_its_exit_code(
    alice: CommandLine, stub: StubAuthority, status: int, kind: str, exit_code: int
) -> None:
    stub.answers["GET /v1/status"] = problem(status, kind, "this is why")
    done = alice("status")
    assert (done.exit_code, done.out) == (exit_code, "")
    assert done.err.startswith("dw: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("content", [b"{}", b"not json", b"[1]", b'{"user_id": 3}'])
def test_an_answer_of_another_shape_is_not_believed(alice: CommandLine, stub: StubAuthority, content: bytes) -> None:
    stub.answers["GET /v1/status"] = (200, content)
    assert alice("status").exit_code == 5


def test_an_authority_that_is_away_is_said_so(alice: CommandLine, stub: StubAuthority) -> None:
    stub._http.socket.close()
    assert alice("status").exit_code == 5


def test_an_expired_sign_in_asks_nobody(dw: CommandLine, stub: StubAuthority) -> None:
    stub.lifetime = -stub.lifetime
    assert dw.login(stub).exit_code == 0
    done = dw("status")
    assert done.exit_code == 4
    assert done.err == "dw: the sign-in has expired; run dw login\n"
    assert stub.asked("GET /v1/status") == []


def test_a_certificate_that_went_missing_counts_as_signed_out(alice: CommandLine) -> None:
    (alice.home / "x509.pem").unlink()
    assert alice("status").exit_code == 4


def test_a_spoilt_profile_says_what_to_do(alice: CommandLine) -> None:
    (alice.home / "profile.json").write_text('{"url": "https://evil.example"}')
    done = alice("status")
    assert done.exit_code == 1
    assert "remove it and run dw login" in done.err


def test_the_profile_holds_no_secret(alice: CommandLine) -> None:
    profile = load_profile(Keep.of_user())
    assert profile is not None
    assert profile.pin.startswith("sha256:")
    assert "PRIVATE" not in (alice.home / "profile.json").read_text()
