"""The tree of commands: its help is a snapshot, its errors end in one line and a code."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.support.command_line import CommandLine

from doorward.base.errors import Unavailable
from doorward.cli import app
from doorward.cli.app import COMMANDS, root, run_app

SNAPSHOT = Path(__file__).with_name("help.txt")


def commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, itself first."""
    yield path, group
    context = click.Context(group, info_name=path[-1])
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def whole_help() -> str:
    """The help of every command, as it is printed 100 columns wide."""
    pages = []
    for path, command in commands(root, ("dw",)):
        context = click.Context(
            command, info_name=" ".join(path), terminal_width=100, help_option_names=["-h", "--help"]
        )
        pages.append(command.get_help(context))
    return "\n\n\n".join(pages) + "\n"


def test_help_is_as_reviewed() -> None:
    """To change it, write the new one: `.venv/bin/python -m tests.cli.test_app`."""
    assert whole_help() == SNAPSHOT.read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_one_line_helps_say_what_the_commands_say(name: str) -> None:
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(limit=200) == COMMANDS[name][1]


def test_every_command_and_option_explains_itself() -> None:
    for path, command in commands(root, ("dw",)):
        assert command.help, path
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, (path, parameter.name)


def test_the_list_of_commands_imports_none_of_them() -> None:
    import subprocess
    import sys

    code = "import sys; from doorward.cli.app import run_app; run_app(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    modules = done.stdout.decode().splitlines()[-1]
    for heavy in ("httpx2", "ssl", "asyncio", "yaml", "cryptography", "doorward.cli.commands"):
        assert f"'{heavy}" not in modules


@pytest.mark.parametrize(
    "arguments", [["bogus"], ["login"], ["ls", "--bogus"], ["get", "x", "-o", "xml"], ["users", "bogus"], []]
)
def test_usage_errors_end_with_2(dw: CommandLine, arguments: list[str]) -> None:
    done = dw(*arguments)
    assert done.exit_code == 2
    assert not done.err or done.err.startswith("dw: ")


def test_choices_stand_on_the_line_that_asks_for_one(dw: CommandLine) -> None:
    done = dw("tokens", "add", "--name", "g", "--host", "h")
    assert done.err == "dw: Missing option '--type'. Choose from: gateway; see dw tokens add --help\n"


def test_control_characters_in_arguments_come_back_escaped(dw: CommandLine) -> None:
    assert "\x1b" not in dw("bo\x1b[2Jgus").err
    assert "\x1b" not in dw("ls", "--bo\x1b[2Jgus").err


@pytest.mark.parametrize(
    ("error", "exit_code", "line"),
    [
        (Unavailable("calling: away"), 5, "dw: calling: away\n"),
        (KeyboardInterrupt(), 130, "dw: interrupted\n"),
        (PermissionError(13, "Permission denied", "/x\x1b"), 1, "dw: /x\\x1b: Permission denied\n"),
    ],
)
def test_whatever_goes_wrong_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    exit_code: int,
    line: str,
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(app.root, "main", fail)
    assert run_app([]) == exit_code
    assert capsys.readouterr().err.strip("\n") + "\n" == line


def test_version(dw: CommandLine) -> None:
    assert dw("version").out.startswith("dw ")


if __name__ == "__main__":
    SNAPSHOT.write_text(whole_help())
