"""argon2id: right and wrong, at most a few at once, and the same work for nobody."""

import asyncio
import threading

import pytest
from argon2 import PasswordHasher
from tests.support.authority_lab import QUICK_HASHER

from doorward.authority.passwords import AT_ONCE_MAX, WAITING_MAX, Busy, Passwords

PASSWORD = "correct horse battery staple"


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(QUICK_HASHER)


async def test_right_password_matches_and_a_wrong_one_does_not(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    assert await passwords.matches(stored, PASSWORD)
    assert not await passwords.matches(stored, PASSWORD + " ")
    assert not await passwords.matches(stored, "")


async def test_hash_is_argon2id_with_a_fresh_salt(passwords: Passwords) -> None:
    first, second = await passwords.hash(PASSWORD), await passwords.hash(PASSWORD)
    assert first.startswith("$argon2id$")
    assert first != second


@pytest.mark.parametrize("stored", [None, "", "no hash", "$argon2id$v=19$m=8,t=1,p=1$broken"])
@pytest.mark.parametrize("password", [PASSWORD, "", "a password that nobody has"])
async def test_without_a_hash_nothing_matches(passwords: Passwords, stored: str | None, password: str) -> None:
    assert not await passwords.matches(stored, password)


async def test_usual_parameters_are_those_of_rfc_9106() -> None:
    hasher = PasswordHasher()
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (65536, 3, 4)


async def test_few_run_at_once(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, guard, gate = 0, 0, threading.Lock(), threading.Semaphore(0)

    def check(stored: str | None, password: str) -> bool:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        gate.acquire()
        with guard:
            running -= 1
        return False

    monkeypatch.setattr(passwords, "_check", check)
    waiting = [asyncio.create_task(passwords.matches(None, "x")) for _ in range(30)]
    for _ in range(200):  # all that may run are let in, and stand at the gate
        await asyncio.sleep(0)
    for _ in waiting:
        gate.release()
    await asyncio.gather(*waiting)
    assert most <= AT_ONCE_MAX


async def test_few_wait_and_the_rest_are_told_to_come_back(passwords: Passwords) -> None:
    everybody = [passwords.matches(None, "x") for _ in range(AT_ONCE_MAX + WAITING_MAX + 10)]
    answers = await asyncio.gather(*everybody, return_exceptions=True)
    assert sum(isinstance(one, Busy) for one in answers) == 10
    assert sum(one is False for one in answers) == AT_ONCE_MAX + WAITING_MAX
    assert not await passwords.matches(None, "x")
