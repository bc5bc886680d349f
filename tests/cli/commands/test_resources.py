"""Applying, showing and removing declared things."""

from pathlib import Path

import msgspec
import pytest
import yaml
from tests.support.command_line import CommandLine
from tests.support.declared_answers import NODE, changed, view
from tests.support.stub_authority import StubAuthority, problem

from doorward.api.bodies.resources import Change, ResourceList
from doorward.api.problem import FieldProblem
from doorward.cli.source_files import FILES_MAX
from doorward.domain.kinds.registry import parse_documents


def test_files_are_sent_as_they_were_written(alice: CommandLine, stub: StubAuthority, tmp_path: Path) -> None:
    stub.answers["POST /v1/resources"] = changed
    (tmp_path / "web.yaml").write_text("# why\n" + NODE)
    done = alice("apply", "-f", str(tmp_path / "web.yaml"))
    assert (done.exit_code, done.out) == (0, "node/web created, revision 1\n")
    sent = stub.asked("POST /v1/resources")[0].json
    assert sent == {
        "files": [{"name": str(tmp_path / "web.yaml"), "text": "# why\n" + NODE}],
        "dry_run": False,
        "overwrite": False,
    }


def test_standard_input_and_directories(alice: CommandLine, stub: StubAuthority, tmp_path: Path) -> None:
    stub.answers["POST /v1/resources"] = changed
    for name in ("b.yml", "a.yaml", "ignored.txt"):
        (tmp_path / name).write_text(NODE)
    done = alice("apply", "--dry-run", "-f", str(tmp_path), "-f", "-", stdin=NODE)
    assert done.exit_code == 0
    sent = stub.asked("POST /v1/resources")[0].json
    assert [Path(file["name"]).name for file in sent["files"]] == ["a.yaml", "b.yml", "standard input"]
    assert sent["dry_run"] is True


def test_problems_are_printed_a_line_each(alice: CommandLine, stub: StubAuthority) -> None:
    wrong = [
        FieldProblem("there is no such field", "x.yaml", 3, "spec.allow.login"),
        FieldProblem("bad\x1b[2J", "x.yaml"),
        FieldProblem("alone"),
    ]
    stub.answers["POST /v1/resources"] = problem(400, "invalid", "reading documents", *wrong)
    done = alice("apply", "-f", "-", stdin="x")
    assert done.exit_code == 1
    assert done.err.splitlines() == [
        "x.yaml:3: spec.allow.login: there is no such field",
        "x.yaml: bad\\x1b[2J",
        "alone",
    ]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (1_048_576 + 1)])
def test_what_can_not_be_sent_is_refused_here(
    alice: CommandLine, stub: StubAuthority, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    assert alice("apply", "-f", str(tmp_path / "x.yaml")).exit_code == 1
    assert stub.asked("POST /v1/resources") == []


def test_a_missing_file_an_empty_directory_and_too_many_files(alice: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "many").mkdir()
    for number in range(FILES_MAX + 1):
        (tmp_path / "many" / f"{number}.yaml").touch()
    for name in ("none.yaml", "empty", "many"):
        assert alice("apply", "-f", str(tmp_path / name)).exit_code == 1


def test_yaml_output_can_be_applied_again_as_it_is(alice: CommandLine, stub: StubAuthority) -> None:
    role = "kind: role\nversion: v5\nmetadata: {name: dev}\nspec: {allow: {logins: [a], node_labels: {'*': '*'}}}\n"
    stub.answers["GET /v1/resources/node"] = (200, ResourceList([view(NODE)]))
    stub.answers["GET /v1/resources/role/dev"] = (200, view(role))
    for what, text in (("node", NODE), ("role/dev", role)):
        done = alice("get", what)
        assert done.exit_code == 0
        (before,), (after,) = parse_documents(text, "before"), parse_documents(done.out, "after")
        assert after.value == before.value
        assert after.revision == 3


def test_several_documents_come_as_a_stream(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/resources/node"] = (200, ResourceList([view(NODE), view(NODE.replace("web", "db"))]))
    assert [document["metadata"]["name"] for document in yaml.safe_load_all(alice("get", "node").out)] == ["web", "db"]
    table = alice("get", "node", "-o", "table").out.splitlines()
    assert table[0].split() == ["KIND", "NAME", "REVISION", "LABELS"]
    assert table[1].split() == ["node", "web", "3", "env=no,n=1:30"]


def test_removal_names_the_revision_that_was_seen(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/resources/node/web"] = (200, view(NODE, revision=7))
    stub.answers["DELETE /v1/resources/node/web"] = (200, Change("node", "web", "i" * 26, 7, "deleted"))
    done = alice("rm", "node/web")
    assert (done.exit_code, done.out) == (0, "node/web deleted\n")
    assert stub.seen[-1].path == "/v1/resources/node/web?revision=7"


def test_a_stale_revision_says_what_to_do(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/resources"] = problem(409, "conflict", "applying node/web: it changed since")
    done = alice("apply", "-f", "-", stdin=NODE)
    assert done.exit_code == 1
    assert done.err.startswith("dw: applying node/web: it changed since; look at it again with dw get")


@pytest.mark.parametrize(
    "arguments", [("rm", "node"), ("rm", "/web"), ("get", "node/"), ("get", "node/.."), ("rm", "x/.")]
)
def test_half_names_are_refused_here(alice: CommandLine, stub: StubAuthority, arguments: tuple[str, str]) -> None:
    before = len(stub.seen)
    assert alice(*arguments).exit_code == 1
    assert len(stub.seen) == before


def test_names_can_not_change_the_path(alice: CommandLine, stub: StubAuthority) -> None:
    alice("get", "node/../../status?x#y")
    assert stub.seen[-1].path == "/v1/resources/node/..%2F..%2Fstatus%3Fx%23y"


def test_yaml_stands_in_the_order_in_which_people_write_it(alice: CommandLine, stub: StubAuthority) -> None:
    seen = view(NODE)
    shuffled = dict(sorted(seen.document.items(), reverse=True))
    stub.answers["GET /v1/resources/node/web"] = (200, msgspec.structs.replace(seen, document=shuffled))
    lines = alice("get", "node/web").out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["kind: node", "version: v1", "metadata:", "spec:"]
