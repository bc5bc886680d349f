"""A lock racing openings: whatever the interleaving, nothing of the locked user stays open without an order to cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.util import await_only
from tests.support.authority_lab import ON_BOTH_ENGINES, OPS, SOURCE, AuthorityLab, LabSignIn
from tests.support.proofs import SignedRequest, asking, face_certificate

from doorward.api.bodies.gateway_calls import OpenJump, SessionPlan
from doorward.authority.operations.jumps import open_jump
from doorward.authority.operations.open_session import open_session
from doorward.authority.operations.resources import delete_resource
from doorward.authority.operations.sign_in import sign_out
from doorward.authority.operations.users import reset_user
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.base.ids import UserId
from doorward.domain.sessions.states import SessionState
from doorward.stores.sql.transaction import SqlTransaction

pytestmark = ON_BOTH_ENGINES
WHERE = "dwt-root@prod-web-01"
LOCK = "kind: lock\nversion: v1\nmetadata: {name: %s}\nspec: {target: {%s}}\n"


async def open_of(lab: AuthorityLab, who: LabSignIn) -> list[str]:
    """The user's sessions that nobody was ordered to cut."""
    ordered = {one.session_id for one in await lab.cuts()}
    rows = await lab.read(lambda tx: tx.sessions.live())
    return [
        one.id
        for one in rows
        if one.user_id == who.caller.user_id and one.state is not SessionState.ENDING and one.id not in ordered
    ]


steps = st.lists(st.sampled_from(["open bob", "open carol", "lock bob", "lock node", "start", "yield"]), max_size=14)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=steps)
async def test_no_session_outlives_a_lock_whatever_the_interleaving(lab: AuthorityLab, script: list[str]) -> None:
    people = await scene(lab)
    tasks: list[asyncio.Task[object]] = []
    locked: set[str] = set()
    epoch = await lab.epoch()
    for number, step in enumerate(script):
        match step.split():
            case ["open", name]:
                tasks.append(asyncio.create_task(lab.ask(asking(lab, people[name], WHERE))))
            case ["lock", what]:
                target = "user: bob" if what == "bob" else "node: prod-web-01"
                hit = ["bob"] if what == "bob" else ["bob", "carol"]
                text = LOCK % (f"lock-{number}", target)
                tasks.append(asyncio.create_task(lock(lab, people["ada"], text, [people[name] for name in hit])))
                locked.update(hit)
            case ["start"]:
                for one in await lab.read(lambda tx: tx.sessions.live()):
                    await lab.start(one.id)
            case _:
                await asyncio.sleep(0)
        assert await lab.epoch() >= epoch
        epoch = await lab.epoch()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, SessionPlan | Refused | None), result
    for name in locked:
        assert await open_of(lab, people[name]) == []
    orders = await lab.cuts()
    assert [one.epoch for one in orders] == sorted(one.epoch for one in orders)
    await clean(lab, people["ada"])


async def lock(lab: AuthorityLab, admin: LabSignIn, text: str, hit: list[LabSignIn]) -> None:
    await lab.apply(admin, text)
    for one in hit:  # at once, whatever else is still on its way
        assert await open_of(lab, one) == []


async def test_opening_that_commits_first_is_cut_by_the_lock(lab: AuthorityLab) -> None:
    people = await scene(lab)
    opening = asyncio.create_task(lab.ask(asking(lab, people["bob"], WHERE)))
    plan = await opening
    await lab.apply(people["ada"], LOCK % ("stop", "user: bob"))
    (order,) = await lab.cuts()
    assert order.session_id == plan.session_id
    assert order.epoch > plan.epoch


async def test_opening_that_commits_second_is_refused(lab: AuthorityLab) -> None:
    people = await scene(lab)
    await lab.apply(people["ada"], LOCK % ("stop", "user: bob"))
    results = await asyncio.gather(
        *(lab.ask(asking(lab, people["bob"], WHERE)) for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(one, Exception) for one in results)


async def test_many_openings_and_one_lock_at_once(lab: AuthorityLab) -> None:
    people = await scene(lab)
    openings = [asyncio.create_task(lab.ask(asking(lab, people["bob"], WHERE))) for _ in range(20)]
    await asyncio.sleep(0)
    await lab.apply(people["ada"], LOCK % ("stop", "user: bob"))
    assert await open_of(lab, people["bob"]) == []
    await asyncio.gather(*openings, return_exceptions=True)
    assert await open_of(lab, people["bob"]) == []


Ending = Callable[[AuthorityLab, dict[str, LabSignIn]], Awaitable[object]]
ROLE_TAKEN = "kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {roles: []}\n"
DISABLED = "kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {disabled: true, roles: [ops]}\n"
MOVED = """\
kind: node
version: v1
metadata: {name: prod-web-01, labels: {env: prod}}
spec: {address: '192.0.2.99:22'}
"""
ENDINGS: dict[str, Ending] = {
    "lock": lambda lab, people: lab.apply(people["ada"], LOCK % ("stop", "user: bob")),
    "sign-out": lambda lab, people: sign_out(lab.services, people["bob"].caller, "current"),
    "role taken": lambda lab, people: lab.apply(people["ada"], ROLE_TAKEN),
    "role changed": lambda lab, people: lab.apply(people["ada"], OPS.replace("env: prod", "env: test")),
    "user disabled": lambda lab, people: lab.apply(people["ada"], DISABLED),
    "user removed": lambda lab, people: delete_resource(lab.services, people["ada"].caller, "user", "bob", None),
    "user reset": lambda lab, people: reset_user(lab.services, people["ada"].caller, "bob"),
    "node moved": lambda lab, people: lab.apply(people["ada"], MOVED),
    "node removed": lambda lab, people: delete_resource(
        lab.services, people["ada"].caller, "node", "prod-web-01", None
    ),
}


JUMPS_END = ("lock", "sign-out", "user disabled", "user removed", "user reset")


@pytest.mark.parametrize("ending", JUMPS_END)
async def test_jump_that_has_inserted_and_not_committed_is_cut(lab: AuthorityLab, ending: str) -> None:
    """The same window, of a jump connection."""
    people = await scene(lab)
    face = face_certificate(lab, gateway_id=lab.gateway.gateway_id, name="gw.example")
    bob = people["bob"]
    proof = SignedRequest(bob.certificate, "bob", lab.entropy.token(32), face).sign(bob.key)
    async with held(lab, lambda services: open_jump(services, lab.gateway, OpenJump(proof, SOURCE))) as release:
        ended = asyncio.ensure_future(ENDINGS[ending](lab, people))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.shield(ended)
        release.set()
        await ended
    (order,) = await lab.read(lambda tx: tx.jumps.cuts_after(lab.gateway.gateway_id, 0))
    assert order.epoch == await lab.epoch()
    assert await lab.read(lambda tx: tx.jumps.live(tx.now)) == []


@pytest.mark.parametrize("ending", ENDINGS)
async def test_opening_that_has_inserted_and_not_committed_is_cut(lab: AuthorityLab, ending: str) -> None:
    """The window of the race, held open: the session is there for nobody yet, and access ends."""
    people = await scene(lab)
    asked = asking(lab, people["bob"], WHERE)
    async with held(lab, lambda services: open_session(services, lab.gateway, asked)) as release:
        ended = asyncio.ensure_future(ENDINGS[ending](lab, people))
        with pytest.raises(TimeoutError):  # it waits for the opening, and does not look past it
            async with asyncio.timeout(0.3):
                await asyncio.shield(ended)
        release.set()
        await ended
    (order,) = await lab.cuts()
    assert order.epoch == await lab.epoch()
    assert await open_of(lab, people["bob"]) == []


@asynccontextmanager
async def held(
    lab: AuthorityLab, opens: Callable[[Services], Coroutine[None, None, object]]
) -> AsyncIterator[asyncio.Event]:
    """An opening that stands between its insert and its commit until the event is set."""
    inserted, release = asyncio.Event(), asyncio.Event()
    services = replace(lab.services, store=HeldStore(lab, inserted, release))
    opening = asyncio.create_task(opens(services))
    async with asyncio.timeout(10):
        await inserted.wait()
    try:
        yield release
    finally:
        release.set()
        await opening


T = TypeVar("T")


class HeldStore:
    """The lab's store, whose units of work pause after the one that has added a session or a jump."""

    def __init__(self, lab: AuthorityLab, inserted: asyncio.Event, release: asyncio.Event) -> None:
        self._lab = lab
        self._loop = asyncio.get_running_loop()
        self._inserted = inserted
        self._release = release

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return await self._lab.store.read(work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        def held(tx: SqlTransaction) -> T:
            before = self._open(tx)
            result = work(tx)
            if self._open(tx) > before:
                self._pause()
            return result

        return await self._lab.store.write(held)

    def _open(self, tx: SqlTransaction) -> int:
        return len(tx.sessions.live()) + len(tx.jumps.live_of_gateway(self._lab.gateway.gateway_id))

    def _pause(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # SQLite's writing thread
            self._loop.call_soon_threadsafe(self._inserted.set)
            asyncio.run_coroutine_threadsafe(self._release.wait(), self._loop).result(10)
        else:  # a greenlet of the loop's own thread
            self._inserted.set()
            await_only(self._release.wait())


async def scene(lab: AuthorityLab) -> dict[str, LabSignIn]:
    known = await lab.read(lambda tx: {one.name: one.id for one in tx.resources.list("user")})
    if "bob" not in known:
        await lab.declare(OPS)
        await lab.node("prod-web-01", {"env": "prod"})
        people = {"ada": await lab.signed_in("ada", "admin")}
        return {**people, **{name: await lab.signed_in(name, "ops") for name in ("bob", "carol")}}
    return {name: await lab.sign_in(name, UserId(known[name])) for name in ("ada", "bob", "carol")}


async def clean(lab: AuthorityLab, admin: LabSignIn) -> None:
    """Ready for the next example: no lock, nothing open."""
    for lock in await lab.read(lambda tx: tx.resources.list("lock")):
        await delete_resource(lab.services, admin.caller, "lock", lock.name, None)
    for one in await lab.read(lambda tx: tx.sessions.live()):
        await lab.end(one.id)
