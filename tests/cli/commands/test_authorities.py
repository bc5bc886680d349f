"""The authorities' keys, as people look at them and take them out."""

from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority

from doorward.api.bodies.administration import Authorities, Authority

ANSWER = Authorities(
    [
        Authority("session-ssh", "k1", "current", "ssh-ed25519 AAAA one", "SHA256:x"),
        Authority("session-ssh", "k2", "next", "ssh-ed25519 BBBB two", "SHA256:y"),
        Authority("x509-root", "k3", "current", "-----BEGIN CERTIFICATE-----\nAA\n", "sha256:z"),
    ],
    "sha256:z",
)


def test_status_lists_the_keys_and_the_pin(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/authorities"] = (200, ANSWER)
    lines = alice("ca", "status").out.splitlines()
    assert lines[1].split() == ["session-ssh", "current", "k1", "SHA256:x"]
    assert lines[-1] == "pin: sha256:z"


def test_export_prints_every_key_of_a_purpose_as_it_is(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/authorities"] = (200, ANSWER)
    assert alice("ca", "export", "session-ssh").out == "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n"
    assert alice("ca", "export", "x509-root").out == "-----BEGIN CERTIFICATE-----\nAA\n"
    done = alice("ca", "export", "nothing")
    assert (done.exit_code, done.out) == (1, "")
