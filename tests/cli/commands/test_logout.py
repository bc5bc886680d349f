"""Signing out: no key or certificate of the sign-in stays, whether the authority can be told or not."""

from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority, problem

from doorward.cli.keep import SIGN_IN_FILES


def left(dw: CommandLine) -> set[str]:
    return {path.name for path in dw.home.iterdir()}


def test_sign_out_ends_the_sign_in_and_removes_its_files(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers[f"DELETE /v1/sign-ins/{stub.sign_in_id}"] = (200, stub.status())
    done = alice("logout")
    assert (done.exit_code, done.out) == (0, "signed out\n")
    assert left(alice) == {"known_hosts", "profile.json", "root.pem"}
    assert stub.asked(f"DELETE /v1/sign-ins/{stub.sign_in_id}")[0].certificate is not None
    assert alice("status").exit_code == 4


def test_ssh_still_knows_the_gateway_so_that_it_says_who_is_missing(alice: CommandLine, stub: StubAuthority) -> None:
    known = (alice.home / "known_hosts").read_text()
    assert known.startswith("@cert-authority ")
    alice("logout")
    assert (alice.home / "known_hosts").read_text() == known
    assert "PRIVATE" not in known


def test_keys_go_even_when_the_authority_can_not_be_told(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers[f"DELETE /v1/sign-ins/{stub.sign_in_id}"] = problem(503, "unavailable", "the store is away")
    done = alice("logout")
    assert done.exit_code == 5
    assert "the store is away" in done.err
    assert left(alice).isdisjoint(SIGN_IN_FILES)


def test_nobody_to_sign_out_is_no_failure(dw: CommandLine) -> None:
    done = dw("logout")
    assert (done.exit_code, done.out) == (0, "nobody was signed in\n")
