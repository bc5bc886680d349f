"""Testing one's own roles, without a server."""

from pathlib import Path

import pytest
from tests.support.command_line import CommandLine

ROLES = """\
kind: role
version: v7
metadata: {name: dev}
spec: {allow: {logins: [app], node_labels: {env: dev}}}
"""
CASES = """\
cases:
  - id: own-1
    title: developers reach development
    roles: [dev]
    checks:
      - {kind: node, resource_labels: {env: dev}, login: app, expect: allow}
      - {kind: node, resource_labels: {env: prod}, login: app, expect: EXPECTED}
"""


@pytest.fixture
def roles(tmp_path: Path) -> str:
    """A file with one role."""
    (tmp_path / "roles.yaml").write_text(ROLES)
    return str(tmp_path / "roles.yaml")


def test_cases_that_hold_pass(dw: CommandLine, roles: str, tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text(CASES.replace("EXPECTED", "deny"))
    done = dw("policy", "test", str(tmp_path / "cases.yaml"), "--roles", roles)
    assert (done.exit_code, done.err) == (0, "")
    assert done.out.endswith("cases.yaml: 1 of 1 cases passed\n")


def test_a_mismatch_is_named_and_fails(dw: CommandLine, roles: str, tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text(CASES.replace("EXPECTED", "allow"))
    done = dw("policy", "test", str(tmp_path / "cases.yaml"), "--roles", roles)
    assert done.exit_code == 1
    assert "own-1: node inline login=app: expected allow, got deny" in done.out


def test_a_file_without_cases_proves_nothing(dw: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text("cases: []\n")
    assert dw("policy", "test", str(tmp_path / "cases.yaml")).exit_code == 1


def test_broken_files_name_file_line_and_field(dw: CommandLine, roles: str, tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text(CASES.replace("EXPECTED", "perhaps"))
    done = dw("policy", "test", str(tmp_path / "cases.yaml"), "--roles", roles)
    assert done.exit_code == 1
    assert done.err.startswith(f"{tmp_path}/cases.yaml:7: ")


def test_two_roles_of_one_name_leave_nothing_open(dw: CommandLine, roles: str, tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text(CASES.replace("EXPECTED", "deny"))
    done = dw("policy", "test", str(tmp_path / "cases.yaml"), "--roles", roles, "--roles", roles)
    assert done.exit_code == 1
    assert "same name" in done.err
