"""What is open to one, and why."""

import json

import pytest
from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority

from doorward.api.bodies.access import Explanation, ReachableNode, ReachableNodes

NODES = ReachableNodes(
    [
        ReachableNode("db", {"env": "prod"}, ["root"], verified=False),
        ReachableNode("web", {"env": "dev", "x": "evil\x1b[31m"}, ["app", "root"], verified=True),
    ]
)


def test_nodes_stand_with_their_accounts(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/nodes"] = (200, NODES)
    rows = [line.split() for line in alice("ls").out.splitlines()]
    assert rows == [
        ["NODE", "LOGINS", "STATE", "LABELS"],
        ["db", "root", "unverified", "env=prod"],
        ["web", "app,root", "env=dev,x=evil\\x1b[31m"],
    ]


@pytest.mark.parametrize(("selector", "names"), [("env=prod", ["db"]), ("x", ["web"]), ("env=", []), ("y=1", [])])
def test_labels_select(alice: CommandLine, stub: StubAuthority, selector: str, names: list[str]) -> None:
    stub.answers["GET /v1/nodes"] = (200, NODES)
    shown = json.loads(alice("ls", "-l", selector, "--json").out)
    assert [node["name"] for node in shown] == names


@pytest.mark.parametrize(("allowed", "exit_code"), [(True, 0), (False, 3)])
def test_explain_says_why_and_its_exit_code_says_whether(
    alice: CommandLine, stub: StubAuthority, allowed: bool, exit_code: int
) -> None:
    stub.answers["POST /v1/explain"] = (200, Explanation(allowed, ["role dev: login root\u202e"], {"mfa": "no"}))
    done = alice("explain", "ssh", "root@corp@web", "--user", "bob")
    assert done.exit_code == exit_code
    assert stub.seen[-1].json == {"node": "web", "login": "root@corp", "user": "bob"}
    word = "allowed" if allowed else "denied"
    assert done.out.splitlines() == [f"{word}: ssh root@corp@web", "  role dev: login root\\u202e"]


@pytest.mark.parametrize("target", ["web", "@web", "root@"])
def test_half_targets_are_refused_here(alice: CommandLine, stub: StubAuthority, target: str) -> None:
    assert alice("explain", "ssh", target).exit_code == 1
    assert stub.asked("POST /v1/explain") == []


@pytest.mark.parametrize("words", [("root@web",), ("rdp", "root@web"), ("--json",)])
def test_who_leaves_the_kind_out_reads_what_to_write(alice: CommandLine, words: tuple[str, ...]) -> None:
    done = alice("explain", *words)
    assert done.exit_code == 2
    assert done.err == "dw: Explain what? Write dw explain ssh LOGIN@NODE; see dw explain --help\n"
