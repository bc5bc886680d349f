"""Random bytes come in the length asked for; only the seeded source repeats itself."""

from hypothesis import given
from hypothesis import strategies as st

from doorward.base.entropy import Entropy, SeededEntropy, SystemEntropy


@given(st.integers(min_value=0, max_value=256), st.integers())
def test_tokens_have_the_length_asked_for(length_bytes: int, seed: int) -> None:
    sources: list[Entropy] = [SystemEntropy(), SeededEntropy(seed)]
    assert [len(source.token(length_bytes)) for source in sources] == [length_bytes, length_bytes]


def test_system_entropy_does_not_repeat() -> None:
    source = SystemEntropy()
    assert len({source.token(16) for _ in range(100)}) == 100


def test_seeded_entropy_repeats_with_its_seed_and_moves_on() -> None:
    one, same, other = SeededEntropy(1), SeededEntropy(1), SeededEntropy(2)
    first = one.token(16)
    assert first == same.token(16)
    assert first != other.token(16)
    assert first != one.token(16)
