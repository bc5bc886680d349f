"""Faces of nodes: kept for the user who asked, minted for nobody faster than for anybody else."""

from datetime import timedelta

import pytest
from tests.support.fake_control_plane import FakeControlPlane

from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Unavailable
from doorward.gateway.ssh.faces import USER_FACES_MAX, USER_MINTS_BURST, USER_MINTS_PER_SECOND, Faces


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def plane(clock: ManualClock) -> FakeControlPlane:
    return FakeControlPlane(clock=clock)


@pytest.fixture
def faces(clock: ManualClock) -> Faces:
    return Faces(clock, SeededEntropy(3), version="test", sign_in_seconds=30)


async def test_face_is_kept_for_the_user_who_asked_for_it_alone(faces: Faces, plane: FakeControlPlane) -> None:
    for user in ("bob", "bob", "eve"):
        await faces.of_node(plane, user, "web.dw")
    assert plane.minted == ["web.dw", "web.dw"]


async def test_names_made_up_in_a_loop_are_slowed_down_and_cost_others_nothing(
    faces: Faces, plane: FakeControlPlane, clock: ManualClock
) -> None:
    await faces.of_node(plane, "eve", "web.dw")
    for number in range(int(USER_MINTS_BURST)):
        await faces.of_node(plane, "bob", f"n{number}.dw")
    minted = len(plane.minted)
    with pytest.raises(Unavailable, match="too many nodes"):
        await faces.of_node(plane, "bob", "one-more.dw")
    await faces.of_node(plane, "eve", "web.dw")
    assert len(plane.minted) == minted  # nothing was asked of the authority, and eve's face is still at hand
    await faces.of_node(plane, "eve", "db.dw")
    clock.advance(timedelta(seconds=1 / USER_MINTS_PER_SECOND))
    await faces.of_node(plane, "bob", "one-more.dw")


async def test_user_keeps_so_many_faces_and_the_newest_of_them(faces: Faces, plane: FakeControlPlane) -> None:
    for number in range(USER_FACES_MAX + 1):
        await faces.of_node(plane, "bob", f"n{number}.dw")
    plane.minted.clear()
    await faces.of_node(plane, "bob", f"n{USER_FACES_MAX}.dw")
    await faces.of_node(plane, "bob", "n1.dw")
    assert plane.minted == []
    await faces.of_node(plane, "bob", "n0.dw")
    assert plane.minted == ["n0.dw"]


async def test_users_with_many_names_do_not_take_anothers_face(faces: Faces, plane: FakeControlPlane) -> None:
    await faces.of_node(plane, "eve", "web.dw")
    for user in ("a", "b", "c"):
        for number in range(USER_FACES_MAX + 20):
            await faces.of_node(plane, user, f"n{number}.dw")
    plane.minted.clear()
    await faces.of_node(plane, "eve", "web.dw")
    assert plane.minted == []
