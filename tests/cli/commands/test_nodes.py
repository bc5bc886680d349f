"""Making nodes known."""

from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.declared_answers import NODE, applied, changed, view
from tests.support.stub_authority import StubAuthority, problem

from doorward.api.bodies.administration import NodeSetupScript
from doorward.api.bodies.resources import Change, ResourceList
from doorward.api.problem import FieldProblem

SCRIPT = "#!/bin/sh\necho token-of-the-node\n"


def test_add_composes_the_document_that_a_person_would_write(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/resources"] = changed
    done = alice("nodes", "add", "web", "--address", "a.example:22", "--label", "env=no", "--label", "n=1:30")
    assert (done.exit_code, done.out) == (0, "node/web created, revision 1\n")
    declared = applied(stub.asked("POST /v1/resources")[0])
    assert (declared.name, declared.value.address) == ("web", "a.example:22")
    assert declared.value.labels == {"env": "no", "n": "1:30"}


@pytest.mark.parametrize("label", ["env", "=x", "a=1"])
def test_labels_that_are_none_or_stand_twice_are_refused(alice: CommandLine, stub: StubAuthority, label: str) -> None:
    words = ("nodes", "add", "web", "--address", "a:22", "--label", "a=1", "--label", label)
    assert alice(*words).exit_code == 1
    assert stub.asked("POST /v1/resources") == []


def test_setup_prints_the_script_and_nothing_else_on_standard_output(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/nodes/web/setup"] = (200, NodeSetupScript(SCRIPT, "2026-01-01T00:10:00Z"))
    done = alice("nodes", "setup", "web", "--login", "root", "--login", "app", "--exclusive")
    assert (done.exit_code, done.out) == (0, SCRIPT)
    assert "2026-01-01T00:10:00Z" in done.err
    said = {"logins": ["root", "app"], "url": stub.url, "exclusive": True, "replace": False, "gateway_addresses": []}
    assert stub.seen[-1].json == said
    words = ("--gateway-address", "192.0.2.9", "--gateway-address", "2001:db8::/64")
    assert alice("nodes", "setup", "web", "--login", "root", *words).exit_code == 0
    assert stub.seen[-1].json["gateway_addresses"] == ["192.0.2.9", "2001:db8::/64"]
    assert alice("nodes", "setup", "web", "--login", "root", "--replace").exit_code == 0
    assert stub.seen[-1].json["replace"] is True


@pytest.mark.parametrize("words", [("--run",), ("--run", "root@h"), ("root@h",)])
def test_running_needs_where_and_a_key_and_printing_neither(
    alice: CommandLine, stub: StubAuthority, words: tuple[str, ...]
) -> None:
    before = len(stub.seen)
    assert alice("nodes", "setup", "web", "--login", "root", *words).exit_code == 1
    assert len(stub.seen) == before


def test_run_gives_the_script_to_ssh_on_its_standard_input(
    alice: CommandLine, stub: StubAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.answers["POST /v1/nodes/web/setup"] = (200, NodeSetupScript(SCRIPT, "2026-01-01T00:10:00Z"))
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\n/bin/cat > {tmp_path}/script\nexit 3\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent))
    (tmp_path / "key").touch()
    words = ("--run", "--ssh-key", str(tmp_path / "key"), "root@10.0.0.9:2222")
    assert alice("nodes", "setup", "web", "--login", "root", *words).exit_code == 3
    assert (tmp_path / "script").read_text() == SCRIPT
    arguments = (tmp_path / "arguments").read_text()
    assert "token-of-the-node" not in arguments
    assert "StrictHostKeyChecking=ask" in arguments
    assert arguments.splitlines()[-7:] == ["-p", "2222", "-l", "root", "--", "10.0.0.9", "sh -s"]


def test_a_host_key_is_pinned_by_its_fingerprint(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/nodes/web/host-key"] = (200, view(NODE))
    done = alice("nodes", "host-key", "web", "SHA256:abc")
    assert (done.exit_code, done.out) == (0, "node/web has the host key SHA256:abc\n")
    assert stub.seen[-1].json == {"fingerprint": "SHA256:abc", "authorities_installed": False}


def test_list_and_removal(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/resources/node"] = (200, ResourceList([view(NODE)]))
    stub.answers["GET /v1/resources/node/web"] = (200, view(NODE))
    stub.answers["DELETE /v1/resources/node/web"] = (200, Change("node", "web", "i" * 26, 3, "deleted"))
    assert "web" in alice("nodes", "ls").out
    assert alice("nodes", "rm", "web").exit_code == 0


@pytest.mark.parametrize(
    ("field", "said"),
    [("spec.address", "--address"), ("metadata.labels.env", "--label"), ("spec.target.node", "--node")],
)
def test_what_the_options_said_wrong_names_the_option(
    alice: CommandLine, stub: StubAuthority, field: str, said: str
) -> None:
    wrong = FieldProblem("HOST:PORT is expected", "command line", 6, field)
    stub.answers["POST /v1/resources"] = problem(400, "invalid", "reading", wrong)
    assert alice("nodes", "add", "web", "--address", "x").err == f"dw: {said}: HOST:PORT is expected\n"
