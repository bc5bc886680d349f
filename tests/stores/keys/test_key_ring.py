"""A rotation in the directory of keys: durable at each step, and whole wherever a crash cuts it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import InstallationId, new_id
from doorward.base.secret import Secret
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.stores.keys import key_ring
from doorward.stores.keys.creation import create_keys
from doorward.stores.keys.key_files import open_keys
from doorward.stores.keys.key_ring import FileKeyRing, KeysNotWritten
from doorward.stores.keys.private_files import KeysRefused, write_private_file
from doorward.stores.keys.sealed_file import KeyBody, KeyName, open_key, seal_key

INSTALLATION = InstallationId(new_id(SeededEntropy(1)))
KEK = Secret(bytes(range(32)))
SINCE = 1_800_000_000
Keys = dict[str, tuple[KeyState, int]]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    directory = tmp_path / "keys"
    create_keys(directory, KEK, INSTALLATION, clock=ManualClock(), entropy=SeededEntropy(2))
    return directory


def opened(keys: Path) -> FileKeyRing:
    return open_keys(keys, KEK, INSTALLATION)


def of(ring: FileKeyRing, purpose: Purpose = Purpose.SESSION_SSH) -> Keys:
    return {key.key_id: (key.state, key.since) for key in ring.signing_keys if key.purpose is purpose}


def with_state(found: Keys, state: KeyState) -> str:
    return next(key_id for key_id, (held, _) in found.items() if held is state)


def test_every_step_is_what_a_ring_opened_anew_finds(keys: Path) -> None:
    ring = opened(keys)
    first = with_state(of(ring), KeyState.CURRENT)
    others = of(ring, Purpose.USER_SSH)

    ring.add_next(Purpose.SESSION_SSH, SINCE)
    second = with_state(of(ring), KeyState.NEXT)
    assert of(ring) == of(opened(keys))
    assert of(ring)[second] == (KeyState.NEXT, SINCE)

    ring.switch(Purpose.SESSION_SSH, SINCE + 1)
    assert of(ring) == {first: (KeyState.OLD, SINCE + 1), second: (KeyState.CURRENT, SINCE + 1)}
    assert of(ring) == of(opened(keys))

    ring.remove_old(Purpose.SESSION_SSH)
    assert of(ring) == {second: (KeyState.CURRENT, SINCE + 1)}
    assert of(ring) == of(opened(keys))
    assert not list(keys.glob(f"*{first}*"))
    assert of(ring, Purpose.USER_SSH) == others


def test_a_second_rotation_follows_on_the_first(keys: Path) -> None:
    ring = opened(keys)
    for turn in range(2):
        ring.add_next(Purpose.USER_SSH, SINCE + turn)
        ring.switch(Purpose.USER_SSH, SINCE + turn)
        ring = opened(keys)
        ring.remove_old(Purpose.USER_SSH)
    assert list(of(opened(keys), Purpose.USER_SSH).values()) == [(KeyState.CURRENT, SINCE + 1)]


def test_new_key_is_another_and_its_file_ours_alone(keys: Path) -> None:
    before = set(keys.iterdir())
    ring = opened(keys)
    ring.add_next(Purpose.USER_SSH, SINCE)
    (added,) = set(keys.iterdir()) - before
    assert added.stat().st_mode & 0o777 == 0o600
    current, following = (
        next(key for key in ring.signing_keys if (key.purpose, key.state) == (Purpose.USER_SSH, state))
        for state in (KeyState.CURRENT, KeyState.NEXT)
    )
    assert current.private_key.public_key() != following.private_key.public_key()


CHANGES: dict[str, Callable[[FileKeyRing], None]] = {
    "add": lambda ring: ring.add_next(Purpose.USER_SSH, SINCE),
    "switch": lambda ring: ring.switch(Purpose.USER_SSH, SINCE),
    "remove": lambda ring: ring.remove_old(Purpose.USER_SSH),
}


def failing(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("change", CHANGES)
def test_change_that_can_not_be_written_leaves_ring_and_files_as_they_were(
    keys: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = opened(keys)
    for earlier in list(CHANGES)[: list(CHANGES).index(change)]:
        CHANGES[earlier](ring)
    before = of(ring, Purpose.USER_SSH)
    with monkeypatch.context() as broken:
        broken.setattr(key_ring, "write_private_file", failing)
        broken.setattr(key_ring, "remove_private_file", failing)
        with pytest.raises(KeysNotWritten, match="No space left"):
            CHANGES[change](ring)
    assert of(ring, Purpose.USER_SSH) == before == of(opened(keys), Purpose.USER_SSH)
    CHANGES[change](ring)
    assert of(ring, Purpose.USER_SSH) != before


def test_leftover_of_a_write_that_a_crash_cut_short_changes_nothing(keys: Path) -> None:
    ring = opened(keys)
    ring.add_next(Purpose.USER_SSH, SINCE)
    following = with_state(of(ring, Purpose.USER_SSH), KeyState.NEXT)
    write_private_file(keys / f".new-user-ssh.{following}.key", b"half", may_replace=False)
    assert of(opened(keys), Purpose.USER_SSH) == of(ring, Purpose.USER_SSH)
    opened(keys).switch(Purpose.USER_SSH, SINCE)
    assert of(opened(keys), Purpose.USER_SSH)[following] == (KeyState.CURRENT, SINCE)


def test_copies_of_a_directory_made_while_it_switches_open_as_before_or_as_after(keys: Path) -> None:
    ring = opened(keys)
    ring.add_next(Purpose.USER_SSH, SINCE)
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    ring.switch(Purpose.USER_SSH, SINCE)
    after = {path.name: path.read_bytes() for path in keys.iterdir()}
    assert len({name for name in before if before[name] != after[name]}) == 1


def test_files_of_two_rotations_stop_the_start(keys: Path) -> None:
    ring = opened(keys)
    ring.add_next(Purpose.USER_SSH, SINCE)
    path = next(iter(keys.glob("user-ssh.*")))
    name = KeyName(INSTALLATION, Purpose.USER_SSH, path.name.split(".")[1])
    body = open_key(path.read_bytes(), name, KEK, "test")
    stray = KeyName(INSTALLATION, Purpose.USER_SSH, new_id(SeededEntropy(77)))
    sealed = seal_key(stray, KeyBody(KeyState.OLD, body.private), KEK, SeededEntropy(5))
    write_private_file(keys / stray.file_name, sealed, may_replace=False)
    with pytest.raises(KeysRefused, match="two rotations of user-ssh"):
        opened(keys)
