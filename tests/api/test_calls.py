"""The table of calls: each can be told from the others, and says what it takes."""

import re

import pytest

from doorward.api import calls
from doorward.api.calls import Call

CALLS = {name: call for name, call in vars(calls).items() if isinstance(call, Call)}


def test_there_are_calls() -> None:
    assert len(CALLS) > 20


def test_no_two_calls_can_be_taken_for_one_another() -> None:
    shapes = [(call.method, re.sub(r"\{[a-z_]+\}", "{}", call.path)) for call in CALLS.values()]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("name", CALLS)
def test_paths_are_plain_and_bodies_go_with_post_alone(name: str) -> None:
    call: Call[object] = CALLS[name]
    assert re.fullmatch(r"/v1(/([a-z-]+|\{[a-z_]+\}))+", call.path)
    assert call.method in {"GET", "POST", "DELETE"}
    assert call.body is None or call.method == "POST"
