"""How `dw` ends: one line on standard error and an exit code that a script can tell apart."""

import os
import sys
from enum import IntEnum
from typing import Final

import click

from doorward.api.problem import FieldProblem, RemoteProblem
from doorward.base.errors import Conflict, DoorwardError, Refused, Unavailable
from doorward.base.terminal_text import for_terminal
from doorward.domain.kinds.positioned import InvalidDocuments

PROBLEMS_SHOWN_MAX: Final = 200
COMPOSED_NAME: Final = "command line"
"""The name of a file that nobody wrote: a command composed it of its options."""
_NOBODY_WROTE: Final = frozenset({COMPOSED_NAME, "the call"})  # the latter is the authority's name for `users add`
_OPTIONS: Final = {
    "metadata.name": "the name",
    "metadata.labels": "--label",
    "spec.address": "--address",
    "spec.roles": "--role",
    "spec.message": "--message",
    "spec.expires": "--expires",
    "spec.target.": "--",
}
"""Where a field of such a file came from, by how the field begins."""
_LOOK_AGAIN: Final = frozenset({"conflict", "stale_revision", "revision_needed"})


class ExitCode(IntEnum):
    """Documented in docs/guides/cli.md; their numbers never change."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    NOT_SIGNED_IN = 4
    UNAVAILABLE = 5
    INTERRUPTED = 130


class NotSignedIn(Refused):
    """There is no sign-in here, or it counts no more."""

    code = "not_signed_in"


class ShutOut(NotSignedIn):
    """The sign-in counts no more, and another would not: the user is disabled or locked."""

    code = "shut_out"


def exit_code_of(error: DoorwardError) -> ExitCode:
    """The exit code for an error of ours."""
    if isinstance(error, NotSignedIn):
        return ExitCode.NOT_SIGNED_IN
    if isinstance(error, Refused):
        return ExitCode.REFUSED
    if isinstance(error, Unavailable):
        return ExitCode.UNAVAILABLE
    return ExitCode.FAILED


def report(error: DoorwardError) -> ExitCode:
    """Print what went wrong and answer the exit code."""
    problems = _field_problems(error)
    for problem in problems[:PROBLEMS_SHOWN_MAX]:
        click.echo(field_problem_line(problem), err=True)
    if len(problems) > PROBLEMS_SHOWN_MAX:
        say(f"and {len(problems) - PROBLEMS_SHOWN_MAX} more")
    if not problems:
        say(error.message + _advice(error))
    return exit_code_of(error)


def field_problem_line(problem: FieldProblem) -> str:
    """`file:line: field: message`, without the parts that are not known."""
    if problem.file in _NOBODY_WROTE:
        return f"dw: {for_terminal(': '.join(part for part in (_option(problem.field), problem.message) if part))}"
    place = problem.file + (f":{problem.line}" if problem.line else "")
    return for_terminal(": ".join(part for part in (place, problem.field, problem.message) if part))


def _option(field: str) -> str:
    """What to write instead of a field of a document that was composed."""
    for start, option in _OPTIONS.items():
        if start.endswith(".") and field.startswith(start):
            return option + field.removeprefix(start)
        if field == start or field.startswith((f"{start}.", f"{start}[")):
            return option
    return field


def say(message: str) -> None:
    """One line on standard error, under our name."""
    click.echo(f"dw: {for_terminal(message)}", err=True)


def close_output() -> None:
    """After the reader of a pipe has gone: keep the interpreter from complaining while it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _field_problems(error: DoorwardError) -> list[FieldProblem]:
    if isinstance(error, RemoteProblem):
        return error.problem.errors
    if isinstance(error, InvalidDocuments):
        return [FieldProblem(one.message, one.file, one.line, one.field) for one in error.problems]
    return []


def code_of(error: DoorwardError) -> str:
    """The code of an error, ours or the authority's."""
    return error.problem.code if isinstance(error, RemoteProblem) else error.code


def _advice(error: DoorwardError) -> str:
    if isinstance(error, NotSignedIn) and not isinstance(error, ShutOut):
        return "; run dw login"
    if isinstance(error, Conflict) and code_of(error) in _LOOK_AGAIN:
        return "; look at it again with dw get, then repeat the change"
    return ""
