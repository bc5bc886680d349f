"""A secret shows itself to nobody who did not ask for it by name."""

import copy
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.secret import Secret


@given(st.binary(min_size=4, max_size=64))
def test_no_way_of_printing_shows_the_value(value: bytes) -> None:
    secret = Secret(value)
    shown = f"{secret} {secret!r} {secret!s} {[secret]}" + str(secret)
    assert shown.replace("Secret(hidden)", "").strip(" []") == ""
    assert secret.reveal() == value


def test_text_is_kept_as_utf_8() -> None:
    assert Secret("schlüssel").reveal_text() == "schlüssel"
    assert Secret("schlüssel").reveal() == "schlüssel".encode()


def test_secrets_are_equal_by_value_and_to_nothing_else() -> None:
    assert Secret(b"abc") == Secret("abc")
    assert Secret(b"abc") != Secret(b"abd")
    assert Secret(b"abc") != b"abc"


def test_a_secret_is_no_key_and_leaves_the_process_in_no_pickle() -> None:
    with pytest.raises(TypeError):
        hash(Secret(b"abc"))
    with pytest.raises(TypeError):
        pickle.dumps(Secret(b"abc"))
    with pytest.raises(TypeError):
        copy.copy(Secret(b"abc"))


def test_a_traceback_does_not_show_the_value() -> None:
    try:
        raise ValueError(Secret(b"hunter2"))
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "ValueError: Secret(hidden)" in shown
