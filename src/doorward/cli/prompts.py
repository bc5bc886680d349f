"""What a person types, hidden while typed, and the same from standard input for scripts.

Scripts give one line each, in the order in which a person would be asked: the password, then the time-based code.
"""

import sys
from typing import Final

import click

from doorward.base.errors import Invalid
from doorward.base.secret import Secret
from doorward.domain.identity.factors import PASSWORD_CHARACTERS_MIN, checked_password

LINE_CHARACTERS_MAX: Final = 1024


class Prompts:
    """Asks on the terminal, or reads lines when `from_stdin`."""

    def __init__(self, *, from_stdin: bool) -> None:
        self._from_stdin = from_stdin

    def user_name(self) -> str:
        """Who signs in; scripts say it with --user."""
        if self._from_stdin:
            raise Invalid("signing in: --password-stdin needs --user")
        return str(click.prompt("User", err=True)).strip()

    def password(self) -> Secret:
        """The password that one has."""
        return Secret(self._line() if self._from_stdin else self._hidden("Password"))

    def new_password(self) -> Secret:
        """A password to be: long enough, and typed twice alike by a person."""
        if self._from_stdin:
            return Secret(checked_password(self._line()))
        first = checked_password(self._hidden(f"New password (at least {PASSWORD_CHARACTERS_MIN} characters)"))
        if self._hidden("The same again") != first:
            raise Invalid("choosing a password: the two were not the same")
        return Secret(first)

    def time_based_code(self) -> str:
        """The six digits that the authenticator shows now."""
        text = self._line() if self._from_stdin else self._hidden("Code of the authenticator")
        return text.strip().replace(" ", "")

    def one_time_code(self) -> str:
        """An invitation's code, kept out of the command line."""
        return self._line().strip() if self._from_stdin else self._hidden("One-time code").strip()

    def _hidden(self, label: str) -> str:
        return str(click.prompt(label, hide_input=True, err=True))

    def _line(self) -> str:
        text = sys.stdin.readline(LINE_CHARACTERS_MAX + 1)
        if not text or len(text) > LINE_CHARACTERS_MAX:
            raise Invalid("reading standard input: a line is missing, or too long")
        return text.rstrip("\r\n")
