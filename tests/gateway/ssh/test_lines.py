"""Whatever is told to a user says once from whom it comes."""

import inspect

from doorward.gateway.ssh import lines
from doorward.gateway.ssh.lines import PREFIX, said


def test_a_message_of_whoever_says_once_that_it_is_ours() -> None:
    assert said("using the store: the database is locked") == "doorward: using the store: the database is locked"
    assert said(lines.NO_CONTROL) == lines.NO_CONTROL


def test_every_line_of_our_own_says_so() -> None:
    own = {name: text for name, text in inspect.getmembers(lines) if name.isupper() and isinstance(text, str)}
    assert [name for name, text in own.items() if not text.startswith(PREFIX)] == ["PROMPT_CODE"]
