"""Ids need no quoting anywhere, and nothing else passes for one."""

import re
import shlex
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.entropy import SeededEntropy, SystemEntropy
from doorward.base.errors import Invalid
from doorward.base.ids import ID_LENGTH, checked_id, is_id, new_id


@given(st.integers())
def test_a_new_id_is_an_id_and_needs_no_quoting(seed: int) -> None:
    made = new_id(SeededEntropy(seed))
    assert is_id(made)
    assert checked_id(made) == made
    assert made == quote(made, safe="") == shlex.quote(made)
    assert len(made) == ID_LENGTH


@given(st.text(max_size=40))
def test_only_26_characters_of_the_alphabet_are_an_id(text: str) -> None:
    assert is_id(text) == bool(re.fullmatch(r"[abcdefghijklmnopqrstuvwxyz234567]{26}", text))


def test_ids_do_not_repeat() -> None:
    entropy = SystemEntropy()
    assert len({new_id(entropy) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "a" * 25, "a" * 27, "A" * 26, "a" * 25 + "1", "a" * 26 + "\n", "../" + "a" * 23])
def test_refuses(text: str) -> None:
    with pytest.raises(Invalid):
        checked_id(text)
