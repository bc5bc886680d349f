"""What is printed: harmless for terminals, exact for programs."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.cli import shown
from doorward.domain.kinds.positioned import to_plain
from doorward.domain.kinds.yaml_text import parse_yaml

TEXTS = st.one_of(
    st.sampled_from(["yes", "no", "null", "~", "1:30", "0x1f", "1_000", "1e3", "- x", "a: b", "#", "*a", "&a", "!t"]),
    st.sampled_from(["2026-01-01", "", " ", "true", "off", "'", '"', "a\nb", "\u202e", "\U0001f600", "[", "{a}", "%"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-(10**17), 10**17), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS.filter(bool), inner, max_size=3)),
    max_leaves=8,
)


@given(documents=st.lists(st.dictionaries(TEXTS.filter(bool), VALUES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_yaml_that_we_print_is_read_back_as_it_was(documents: list[dict[str, Any]]) -> None:
    text = shown.yaml_text(documents)
    assert [to_plain(node) for node in parse_yaml(text, "printed")] == documents


@given(documents=st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=2))
def test_yaml_that_we_print_is_plain_ascii(documents: list[dict[str, Any]]) -> None:
    assert all(character == "\n" or " " <= character <= "~" for character in shown.yaml_text(documents))


def test_a_value_that_stands_twice_is_written_twice() -> None:
    logins = ["root"]
    assert "&" not in shown.yaml_text([{"a": logins, "b": logins}])


def test_json_is_exact_and_plain_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": "a\x1b[2J\u202e\x7f"}
    shown.as_json(value)
    printed = capsys.readouterr().out
    assert json.loads(printed) == value
    assert printed.replace("\n", "").isascii()
    assert printed.replace("\n", "").isprintable()


def test_cells_of_a_table_can_not_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    shown.table(("A", "B"), [("x\x1b[31m\n", "y\u200b")])
    assert capsys.readouterr().out == "A              B\nx\\x1b[31m\\x0a  y\\u200b\n"


def test_blocks_are_exact_for_programs_and_harmless_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown.block("#!/bin/sh\n\tx\x1b[2J\n")
    assert capsys.readouterr().out == "#!/bin/sh\n\tx\x1b[2J\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    shown.block("#!/bin/sh\n\tx\x1b[2J\n")
    assert capsys.readouterr().out == "#!/bin/sh\n    x\\x1b[2J\n"
