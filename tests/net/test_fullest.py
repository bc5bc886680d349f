"""Who has most, known without looking at everybody."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from doorward.net.fullest import Fullest


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=200))
def test_the_fullest_is_one_that_has_most(steps: list[tuple[bool, int]]) -> None:
    fullest, counts = Fullest[int](), Counter[int]()
    for is_more, key in steps:
        if is_more:
            fullest.add(key)
            counts[key] += 1
        elif counts[key]:
            fullest.remove(key)
            counts[key] -= 1
        most = max(counts.values(), default=0)
        named = fullest.fullest()
        assert (named is None) == (most == 0)
        assert named is None or counts[named] == most
        assert all(fullest.count(one) == counts[one] for one in range(6))


def test_of_several_the_one_that_came_to_it_first() -> None:
    fullest = Fullest[str]()
    for key in "abba":
        fullest.add(key)
    assert fullest.fullest() == "b"
    fullest.remove("b")
    fullest.add("b")
    assert fullest.fullest() == "a"


def test_nothing_is_kept_of_who_has_left() -> None:
    fullest = Fullest[int]()
    for key in range(100):
        fullest.add(key)
    for key in range(100):
        fullest.remove(key)
    assert (fullest.fullest(), fullest._counts, fullest._having) == (None, {}, {})
