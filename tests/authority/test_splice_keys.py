"""Whose word about a source is believed: a gateway's in service, by its own key of this hour or the last."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authority_lab import AuthorityLab

from doorward.authority.callers import UserCaller
from doorward.authority.operations.contact import gateway_trust
from doorward.authority.operations.gateways import disable_gateway, remove_gateway
from doorward.authority.splice_keys import PERIOD, SpliceClaims, SpliceKeys
from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Unavailable
from doorward.base.ids import GatewayId, new_id
from doorward.wire.proxy_protocol.header import Endpoint, encode_header, encode_proven_header

NOW = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
ONE, OTHER = (GatewayId(new_id(SeededEntropy(seed))) for seed in (1, 2))
KEYS = SpliceKeys(b"m" * 32)
ENDS = (Endpoint("192.0.2.7", 51_000), Endpoint("198.51.100.1", 3443))


def claim(keys: SpliceKeys, gateway_id: GatewayId, at: datetime = NOW) -> bytes:
    key = keys.of(gateway_id, at)
    return encode_proven_header(*ENDS, key.key, key.name)


def test_a_claim_is_of_the_gateway_whose_key_proves_it() -> None:
    assert KEYS.claimed_by(claim(KEYS, ONE), NOW) == ONE
    assert KEYS.claimed_by(claim(KEYS, OTHER), NOW) == OTHER


def test_a_gateway_claims_nothing_in_the_name_of_another() -> None:
    mine, others = KEYS.of(ONE, NOW), KEYS.of(OTHER, NOW)
    assert KEYS.claimed_by(encode_proven_header(*ENDS, mine.key, others.name), NOW) is None


def test_each_gateway_and_each_hour_has_another_key_that_says_nothing_of_the_master() -> None:
    made = {KEYS.of(one, NOW + hours * PERIOD).key for one in (ONE, OTHER) for hours in range(3)}
    assert len(made | {KEYS.master}) == 7
    assert KEYS.of(ONE, NOW) == KEYS.of(ONE, NOW + timedelta(minutes=20))


def test_the_master_key_itself_is_no_gateways_key() -> None:
    for name in ("", KEYS.of(ONE, NOW).name):
        assert KEYS.claimed_by(encode_proven_header(*ENDS, KEYS.master, name), NOW) is None


@pytest.mark.parametrize(("hours", "is_believed"), [(-1, False), (0, True), (1, True), (2, False), (48, False)])
def test_a_key_is_believed_in_its_hour_and_the_next(hours: int, is_believed: bool) -> None:
    assert (KEYS.claimed_by(claim(KEYS, ONE), NOW + hours * PERIOD) == ONE) is is_believed


def test_another_installations_key_is_not_believed() -> None:
    assert KEYS.claimed_by(claim(SpliceKeys(b"n" * 32), ONE), NOW) is None


def test_without_a_master_key_nobody_is_believed() -> None:
    nobody = SpliceKeys(b"")
    for header in (claim(nobody, ONE), claim(KEYS, ONE), encode_proven_header(*ENDS, b"", nobody.of(ONE, NOW).name)):
        assert nobody.claimed_by(header, NOW) is None


@pytest.mark.parametrize("name", ["", ".", "x", ONE, f"{ONE}.", f".{ONE}", f"{ONE}.zz", f"{ONE.upper()}.1", "x" * 64])
def test_a_key_by_any_other_name_is_none(name: str) -> None:
    assert KEYS.claimed_by(encode_proven_header(*ENDS, KEYS._derived(name), name), NOW) is None


@given(at=st.integers(0, len(claim(KEYS, ONE)) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_is_no_claim(at: int, bit: int) -> None:
    changed = bytearray(claim(KEYS, ONE))
    changed[at] ^= 1 << bit
    assert KEYS.claimed_by(bytes(changed), NOW) is None


@given(noise=st.binary(max_size=200))
def test_noise_is_no_claim(noise: bytes) -> None:
    assert KEYS.claimed_by(noise, NOW) is None
    assert KEYS.claimed_by(encode_header(*ENDS) + noise, NOW) is None


# --- the gateways as they are now ---


@pytest.fixture
async def admin(lab: AuthorityLab) -> UserCaller:
    return (await lab.signed_in("ada", "admin")).caller


def claims_of(lab: AuthorityLab) -> SpliceClaims:
    return SpliceClaims(lab.services.splice_keys, lab.store, lab.clock)


async def handed_out(lab: AuthorityLab) -> bytes:
    told = await gateway_trust(lab.services, lab.gateway)
    return encode_proven_header(*ENDS, told.splice_key, told.splice_key_name)


async def test_the_key_that_a_gateway_is_handed_is_believed(lab: AuthorityLab) -> None:
    assert await claims_of(lab).believes(await handed_out(lab))


@pytest.mark.parametrize("way", [disable_gateway, remove_gateway])
async def test_a_gateway_that_was_sent_away_claims_nothing_from_that_moment(
    lab: AuthorityLab, admin: UserCaller, way: object
) -> None:
    far = await lab.add_gateway("far", "far.example")
    header = await handed_out(lab)
    assert await claims_of(lab).believes(header)
    await way(lab.services, admin, "gw")  # type: ignore[operator]
    assert not await claims_of(lab).believes(header)
    assert await claims_of(lab).believes(claim(lab.services.splice_keys, far.gateway_id, lab.clock.now()))


async def test_an_id_of_no_gateway_claims_nothing(lab: AuthorityLab) -> None:
    assert not await claims_of(lab).believes(claim(lab.services.splice_keys, ONE, lab.clock.now()))


async def test_a_store_that_does_not_answer_makes_nobody_believed_and_is_not_asked_by_strangers(
    lab: AuthorityLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Sequence[object] = []

    async def busy(work: object) -> object:
        asked.append(work)  # type: ignore[attr-defined]
        raise Unavailable("reading: the store is away")

    header = await handed_out(lab)
    monkeypatch.setattr(lab.store, "read", busy)
    assert not await claims_of(lab).believes(encode_proven_header(*ENDS, b"x" * 32, "x"))
    assert not asked
    assert not await claims_of(lab).believes(header)
    assert len(asked) == 1
