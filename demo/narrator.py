"""What the demo prints: numbered steps, the commands as one would type them, and what came back."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from doorward.base.terminal_text import for_terminal

OUTPUT_LINES_MAX: Final = 12
_BOLD: Final = "\x1b[1m"
_DIM: Final = "\x1b[2m"
_GREEN: Final = "\x1b[32m"
_RED: Final = "\x1b[31m"
_END: Final = "\x1b[0m"


class Narrator:
    """Colours only where a terminal shows them."""

    def __init__(self) -> None:
        self._colours = sys.stdout.isatty()
        self._number = 0
        self.title = ""
        """The step that we are in."""

    def step(self, title: str) -> None:
        """The next step, in one line."""
        self._number += 1
        self.title = f"step {self._number}, {title}"
        print(f"\n{self._in(_BOLD, f'{self._number:2}. {title}')}", flush=True)

    def typed(self, words: Sequence[str] | str) -> None:
        """A command."""
        print(f"    {self._in(_GREEN, '$')} {words if isinstance(words, str) else shlex.join(words)}", flush=True)

    def came_back(self, text: str | Iterable[str]) -> None:
        """What a command said; blank lines and what is too long are left out."""
        lines = text.splitlines() if isinstance(text, str) else list(text)
        shown = [line for line in lines if line.strip()]
        for line in shown[:OUTPUT_LINES_MAX]:
            print(f"      {self._in(_DIM, for_terminal(line.rstrip()))}", flush=True)
        if len(shown) > OUTPUT_LINES_MAX:
            print(f"      {self._in(_DIM, f'({len(shown) - OUTPUT_LINES_MAX} lines more)')}", flush=True)

    def fact(self, text: str) -> None:
        """What was seen to hold."""
        print(f"    {self._in(_GREEN, '✓' if self._colours else 'ok:')} {text}", flush=True)

    def plain(self, text: str = "") -> None:
        """A line as it is."""
        print(text, flush=True)

    def failed(self, why: str) -> None:
        """The step that we are in did not hold."""
        print(self._in(_RED, f"demo: {self.title or 'starting'}: {why}"), file=sys.stderr, flush=True)

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_END}" if self._colours else text
