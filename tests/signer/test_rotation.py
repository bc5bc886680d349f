"""The signer rotates by the table, once for each step, by its own clock, and what it signs with follows."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.authorities import INSTALLATION, KEK, ed25519_key

from doorward.api.signer import messages
from doorward.api.signer.messages import Answer, Failed, KnownKeys, RotateKey
from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import new_id
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.domain.certificates.rotation import ROTATED, RotationStep
from doorward.signer.rates import USUAL_RATES
from doorward.signer.service import SigningService
from doorward.stores.keys.creation import create_keys
from doorward.stores.keys.key_files import open_keys
from doorward.wire.ssh.certificate import parse_certificate

NODE = new_id(SeededEntropy(3))
KEY = ed25519_key(70)[1]
PREPARE, SWITCH, RETIRE = RotationStep


class House:
    """A signer over a directory of its own, which can be started again."""

    def __init__(self, folder: Path, purpose: Purpose = Purpose.NODE_HOST) -> None:
        self.keys = folder / "keys"
        self.purpose = purpose
        self.clock = ManualClock()
        create_keys(self.keys, KEK, INSTALLATION, clock=self.clock, entropy=SeededEntropy(4))
        self.restart()

    def restart(self) -> None:
        ring = open_keys(self.keys, KEK, INSTALLATION)
        self.service = SigningService(ring, clock=self.clock, entropy=SeededEntropy(8))

    def known(self) -> KnownKeys:
        known = self.service.answer(messages.PublicKeys())
        assert isinstance(known, KnownKeys)
        return known

    def id_of(self, state: KeyState) -> str:
        found = self.known().in_state(self.purpose, state)
        assert found is not None
        return found.key_id

    def states(self) -> set[KeyState]:
        return {key.state for key in self.known().of(self.purpose)}

    def ask(self, step: RotationStep, key_id: str) -> Answer:
        return self.service.answer(RotateKey(self.purpose, step, key_id))

    def code(self, step: RotationStep, key_id: str) -> str:
        answer = self.ask(step, key_id)
        assert isinstance(answer, Failed)
        return answer.code

    def signs_with(self) -> bytes:
        answer = self.service.answer(messages.SignNodeHost(NODE, KEY))
        assert isinstance(answer, messages.SignedSsh)
        return parse_certificate(answer.certificate).signature_key

    def public(self, state: KeyState) -> bytes:
        found = self.known().in_state(self.purpose, state)
        assert found is not None
        return found.public_key


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_each_step_decides_which_key_signs_and_a_restart_finds_the_same(house: House) -> None:
    first = house.public(KeyState.CURRENT)
    assert house.ask(PREPARE, house.id_of(KeyState.CURRENT)) == house.known()
    second = house.public(KeyState.NEXT)
    assert house.signs_with() == first
    house.restart()
    assert house.signs_with() == first

    house.ask(SWITCH, house.id_of(KeyState.NEXT))
    assert house.signs_with() == second
    assert set(house.known().public_keys(Purpose.NODE_HOST)) == {first, second}
    house.restart()
    assert house.signs_with() == second

    house.ask(RETIRE, house.id_of(KeyState.OLD))
    assert house.known().public_keys(Purpose.NODE_HOST) == (second,)
    house.restart()
    assert house.signs_with() == second


def test_a_step_that_is_asked_twice_is_done_once(house: House) -> None:
    for step, begins in ((PREPARE, KeyState.CURRENT), (SWITCH, KeyState.NEXT), (RETIRE, KeyState.OLD)):
        key_id = house.id_of(begins)
        once = house.ask(step, key_id)
        assert isinstance(once, KnownKeys)
        assert house.ask(step, key_id) == once


def test_no_step_is_left_out_and_none_is_done_with_another_key(house: House) -> None:
    current, stranger = house.id_of(KeyState.CURRENT), new_id(SeededEntropy(99))
    assert house.code(SWITCH, current) == "rotation_out_of_step"
    assert house.code(RETIRE, current) == "rotation_out_of_step"
    assert house.code(PREPARE, stranger) == "rotation_out_of_step"
    house.ask(PREPARE, current)
    following = house.id_of(KeyState.NEXT)
    assert house.code(SWITCH, current) == "rotation_out_of_step"
    assert house.code(PREPARE, following) == "rotation_out_of_step"
    assert house.code(RETIRE, current) == "rotation_out_of_step"
    assert house.code(RETIRE, following) == "rotation_out_of_step"
    house.ask(SWITCH, following)
    assert house.code(PREPARE, following) == "rotation_out_of_step"
    assert house.code(RETIRE, following) == "rotation_out_of_step"
    assert house.states() == {KeyState.CURRENT, KeyState.OLD}


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - ROTATED))
def test_what_must_verify_for_ever_is_not_rotated(house: House, purpose: Purpose) -> None:
    before = sorted(house.keys.iterdir())
    answer = house.service.answer(RotateKey(purpose, PREPARE, new_id(SeededEntropy(99))))
    assert isinstance(answer, Failed)
    assert answer.code == "purpose_not_rotated"
    assert sorted(house.keys.iterdir()) == before


def test_face_key_is_not_removed_while_its_faces_are_shown_whoever_asks(tmp_path: Path) -> None:
    house = House(tmp_path, Purpose.FACE_HOST)
    house.ask(PREPARE, house.id_of(KeyState.CURRENT))
    house.ask(SWITCH, house.id_of(KeyState.NEXT))
    old = house.id_of(KeyState.OLD)
    house.clock.advance(timedelta(minutes=9, seconds=59))
    house.restart()
    assert house.code(RETIRE, old) == "rotation_too_early"
    house.clock.advance(timedelta(seconds=1))
    assert isinstance(house.ask(RETIRE, old), KnownKeys)


def test_keys_are_not_made_without_end(house: House) -> None:
    answers = [house.ask(PREPARE, house.id_of(KeyState.CURRENT)) for _ in range(USUAL_RATES[RotateKey].burst)]
    assert all(isinstance(answer, KnownKeys) for answer in answers)
    assert house.code(PREPARE, house.id_of(KeyState.CURRENT)) == "signer_rate_exceeded"
    assert len(house.known().of(Purpose.NODE_HOST)) == 2


def test_no_private_part_leaves_with_a_rotation(house: House) -> None:
    ring = open_keys(house.keys, KEK, INSTALLATION)
    house.ask(PREPARE, house.id_of(KeyState.CURRENT))
    reopened = open_keys(house.keys, KEK, INSTALLATION)
    secrets = [
        key.private_key.private_bytes_raw()
        for key in (*ring.signing_keys, *reopened.signing_keys)
        if hasattr(key.private_key, "private_bytes_raw")
    ]
    frame = house.service.answer_frame(b"\x92\x07\x91\xabpublic-keys")
    assert len(secrets) > 10
    assert not any(secret in frame for secret in secrets)
