"""`dw mfa` sends one code, and says what the authority answered."""

from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority

from doorward.api.bodies.sign_ins import FactorVerified


def test_the_code_is_sent_and_the_answer_shown(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/mfa"] = (200, FactorVerified("2026-01-01T00:00:00+00:00", "192.0.2.7"))
    done = alice("mfa", "--code-stdin", stdin="123456\n")
    assert done.exit_code == 0
    assert done.out == "second factor given at 2026-01-01T00:00:00Z from 192.0.2.7\n"
    assert stub.seen[-1].json == {"totp_code": "123456"}


def test_an_address_with_escapes_never_reaches_the_terminal_raw(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/mfa"] = (200, FactorVerified("now", "\x1b]0;x\x07"))
    assert "\x1b" not in alice("mfa", "--code-stdin", stdin="123456\n").out
