"""What is printed: tables for people, YAML and JSON for programs. Foreign text goes through `for_terminal` first.

JSON and YAML are written in ASCII, everything else escaped, so that they are exact and harmless at once.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import click
import msgspec

from doorward.base.moment_text import moment_text
from doorward.base.terminal_text import for_terminal

F = TypeVar("F", bound=Callable[..., Any])

CELL_CHARACTERS_MAX: Final = 200
BLOCK_LINE_CHARACTERS_MAX: Final = 65_536
YAML_WIDTH: Final = 65_536


def output_option(*formats: str) -> Callable[[F], F]:
    """`-o FORMAT`, the first being the default, and `--json` for short."""

    def decorate(function: F) -> F:
        function = click.option("--json", "as_json", is_flag=True, help="The same as -o json.")(function)
        return click.option(
            "-o", "--output", type=click.Choice(formats), default=formats[0], show_default=True, help="The format."
        )(function)

    return decorate


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; nothing but the headings when there are no rows."""
    cells = [[*headings], *([for_terminal(cell, characters_max=CELL_CHARACTERS_MAX) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def as_json(value: object) -> None:
    """The value as it came, indented, in ASCII."""
    click.echo(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=True))


def yaml_text(documents: Sequence[Mapping[str, Any]]) -> str:
    """Documents that `dw apply` reads back; every text that YAML could take for something else is quoted."""
    import yaml

    class PlainDumper(yaml.SafeDumper):
        """Repeats what is repeated: anchors are not accepted when read back."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    text: str = yaml.dump_all(
        documents,
        Dumper=PlainDumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=False,
        explicit_start=len(documents) > 1,
        width=YAML_WIDTH,
    )
    return text


def line(text: str) -> None:
    """One line of foreign text."""
    click.echo(for_terminal(text))


def block(text: str) -> None:
    """Lines that another program may read: exact when it does, escaped when a terminal does."""
    if not sys.stdout.isatty():
        sys.stdout.write(text if not text or text.endswith("\n") else text + "\n")
        return
    for each in text.splitlines():
        click.echo(for_terminal(each.replace("\t", "    "), characters_max=BLOCK_LINE_CHARACTERS_MAX))


def moment(text: str | None) -> str:
    """A moment of an answer as people are shown all of them; nothing where there is none."""
    if not text:
        return ""
    try:
        return moment_text(datetime.fromisoformat(text))
    except ValueError:
        return text  # another authority's way of writing it is better than none


def labels_text(labels: Mapping[str, str]) -> str:
    """`k=v,k=v` in order of keys."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
