"""`dw policy test`: a team's own roles against the decisions that it expects, on this machine, without a server."""

from collections.abc import Iterable
from typing import Final

import click

from doorward.api.bodies.resources import SourceFile
from doorward.base.errors import Invalid
from doorward.cli import shown
from doorward.cli.exits import ExitCode
from doorward.cli.source_files import read_sources
from doorward.domain.access.role import Role
from doorward.domain.kinds.cases import run_cases
from doorward.domain.kinds.registry import parse_documents

CASE_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


@click.group(short_help="Test roles against expected decisions, without a server.")
def policy() -> None:
    """Test roles against expected decisions, without a server."""


@policy.command("test", short_help="Run decision cases.")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--roles", "role_paths", multiple=True, metavar="FILE", help="Roles that the cases name; may be repeated."
)
def test(paths: tuple[str, ...], role_paths: tuple[str, ...]) -> int:
    """Run the decision cases of each FILE (YAML or JSON), print what differs, and count.

    The exit code is 1 when a decision is not the expected one, or when there are no cases. Cases bring their roles, or
    name built-in ones and those of --roles.
    """
    roles = _roles(read_sources(role_paths))
    passed = True
    for source in read_sources(paths, suffixes=CASE_SUFFIXES):
        report = run_cases(source.text, source.name, roles)
        passed = passed and report.passed
        for text in report.lines():
            shown.line(f"{source.name}: {text}")
    return ExitCode.OK if passed else ExitCode.FAILED


def _roles(sources: Iterable[SourceFile]) -> list[Role]:
    """The roles of some files; two of one name would leave open which is tested."""
    declared = [one.value for source in sources for one in parse_documents(source.text, source.name)]
    roles = [value for value in declared if isinstance(value, Role)]
    if len({role.name for role in roles}) != len(roles):
        raise Invalid("reading roles: two of them have the same name")
    return roles
