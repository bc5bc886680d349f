"""Tokens by which gateways join."""

from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority

from doorward.api.bodies.administration import IssuedToken


def test_a_token_is_for_one_kind_and_name(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/tokens"] = (201, IssuedToken("tok", "2026-01-01T00:10:00Z", "sha256:z"))
    done = alice("tokens", "add", "--type", "gateway", "--name", "gw-1", "--host", "gw.example", "--host", "192.0.2.9")
    assert done.out == "token: tok\nexpires: 2026-01-01T00:10:00Z\npin: sha256:z\n"
    assert stub.seen[-1].json == {"kind": "gateway", "name": "gw-1", "names": ["gw.example", "192.0.2.9"], "scope": {}}


def test_a_scope_is_labels_each_with_its_values(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/tokens"] = (201, IssuedToken("tok", "2026-01-01T00:10:00Z", "sha256:z"))
    words = ["tokens", "add", "--type", "gateway", "--name", "gw-1", "--host", "gw.example"]
    alice(*words, "--scope", "env=prod", "--scope", "env=dev", "--scope", "team=")
    assert stub.seen[-1].json["scope"] == {"env": ["prod", "dev"], "team": [""]}
    assert alice(*words, "--scope", "env").exit_code != 0


def test_other_kinds_are_a_usage_error(alice: CommandLine) -> None:
    assert alice("tokens", "add", "--type", "user", "--name", "x", "--host", "h").exit_code == 2
    assert alice("tokens", "add", "--type", "gateway", "--host", "h").exit_code == 2
    assert alice("tokens", "add", "--type", "gateway", "--name", "x").exit_code == 2
