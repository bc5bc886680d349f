"""Limits at the door: counts that come back, and room for a newcomer while one address floods."""

from hypothesis import given
from hypothesis import strategies as st

from doorward.net.doors import DoorLimits, Doors, Stage, Visit, door_address

SMALL = DoorLimits(
    silent_max=6,
    silent_per_address_max=3,
    unproven_max=4,
    unproven_per_address_max=2,
    passed_on_max=3,
    passed_on_per_address_max=2,
    inside_max=3,
    inside_per_address_max=2,
)


def arrive(doors: Doors, address: str, closed: list[str] | None = None, name: str = "") -> Visit:
    return doors.arrive(address, lambda: None if closed is None else closed.append(name or address))


def test_one_address_that_floods_closes_its_own_oldest_silent_connection() -> None:
    doors = Doors(SMALL)
    closed: list[str] = []
    for number in range(5):
        arrive(doors, "192.0.2.1", closed, str(number))
    assert closed == ["0", "1"]
    assert doors.count(Stage.SILENT) == 3


def test_when_all_places_are_taken_the_address_with_most_makes_room() -> None:
    doors = Doors(SMALL)
    closed: list[str] = []
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"):
        arrive(doors, address, closed)
    newcomer = arrive(doors, "192.0.2.9", closed)
    assert closed == ["192.0.2.1"]
    assert newcomer.stage is Stage.SILENT
    assert newcomer.spoke()


def test_who_has_not_signed_in_makes_room_for_the_next_of_the_same_address() -> None:
    doors = Doors(SMALL)
    closed: list[str] = []
    assert all(arrive(doors, "192.0.2.1", closed, str(number)).spoke() for number in range(4))
    assert closed == ["0", "1"]
    assert doors.count(Stage.UNPROVEN) == 2


def test_few_addresses_that_prove_nothing_keep_nobody_else_out() -> None:
    doors = Doors(SMALL)
    closed: list[str] = []
    assert all(arrive(doors, f"192.0.2.{number % 2}", closed, f"flood {number}").spoke() for number in range(4))
    newcomers = [arrive(doors, f"198.51.100.{number}", closed, "newcomer") for number in range(2)]
    assert all(one.spoke() for one in newcomers)
    assert closed == ["flood 0", "flood 1"]
    assert all(one.proved() for one in newcomers)


def test_who_has_signed_in_never_makes_room() -> None:
    doors = Doors(SMALL)
    closed: list[str] = []
    inside = arrive(doors, "192.0.2.1", closed, "inside")
    assert inside.spoke()
    assert inside.proved()
    for _ in range(20):
        arrive(doors, "192.0.2.1", closed, "flood").spoke()
    assert set(closed) == {"flood"}
    assert inside.stage is Stage.INSIDE


def test_what_is_passed_on_has_limits_of_its_own_and_takes_no_place_inside() -> None:
    doors = Doors(SMALL)
    assert [arrive(doors, "192.0.2.1").passed_on() for _ in range(3)] == [True, True, False]
    assert [arrive(doors, "192.0.2.2").passed_on() for _ in range(3)] == [True, False, False]
    assert arrive(doors, "192.0.2.1").proved()


def test_a_place_comes_back_when_its_visit_signs_in_or_leaves() -> None:
    doors = Doors(SMALL)
    first, second = arrive(doors, "192.0.2.1"), arrive(doors, "192.0.2.1")
    assert first.spoke() and second.spoke()  # noqa: PT018
    assert first.proved()
    second.leave()
    second.leave()
    assert arrive(doors, "192.0.2.1").spoke()
    assert doors.count(Stage.INSIDE) == 1


def test_the_house_is_full_at_some_point() -> None:
    doors = Doors(SMALL)
    assert [arrive(doors, "192.0.2.1").proved() for _ in range(3)] == [True, True, False]


def test_who_could_never_get_a_place_inside_is_refused_at_once() -> None:
    doors = Doors(SMALL)
    assert all(arrive(doors, "192.0.2.1").proved() for _ in range(2))
    assert not arrive(doors, "192.0.2.1").spoke()
    other = arrive(doors, "192.0.2.2")
    assert other.spoke()
    assert other.proved()
    assert not arrive(doors, "192.0.2.3").spoke()
    other.leave()
    assert arrive(doors, "192.0.2.3").spoke()


def test_a_visit_is_closed_by_whoever_has_taken_it_over() -> None:
    doors, closed = Doors(SMALL), list[str]()
    first = arrive(doors, "192.0.2.1", closed, "the port")
    first.taken_over(lambda: closed.append("the connection"))
    assert first.spoke()
    assert all(arrive(doors, "192.0.2.1").spoke() for _ in range(2))
    assert closed == ["the connection"]


def test_an_ipv6_subscriber_is_one_address() -> None:
    assert door_address("2001:db8:1:2:a::1") == door_address("2001:db8:1:ff:ffff::9")
    assert door_address("2001:db8:1:100::1") != door_address("2001:db8:1:2::1")
    assert door_address("::ffff:192.0.2.1") == "192.0.2.1"
    assert door_address("fe80::1%eth0") == door_address("fe80::2")


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["arrive", "spoke", "passed_on", "proved", "leave"]), st.integers(0, 7), st.integers(0, 2)
        ),
        max_size=60,
    )
)
def test_counts_are_exact_and_within_limits_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    doors, visits = Doors(SMALL), []
    for step, which, address in steps:
        if step == "arrive":
            visits.append(arrive(doors, f"192.0.2.{address}"))
        elif visits:
            getattr(visits[which % len(visits)], step)()
        for stage in (Stage.SILENT, Stage.UNPROVEN, Stage.PASSED_ON, Stage.INSIDE):
            assert doors.count(stage) == sum(visit.stage is stage for visit in visits)
        assert doors.count(Stage.SILENT) <= SMALL.silent_max
        assert doors.count(Stage.UNPROVEN) <= SMALL.unproven_max
        assert doors.count(Stage.PASSED_ON) <= SMALL.passed_on_max
        assert doors.count(Stage.INSIDE) <= SMALL.inside_max


def test_who_is_turned_away_and_who_makes_room_is_counted() -> None:
    doors = Doors(SMALL)
    for _ in range(5):
        arrive(doors, "192.0.2.1")
    assert (doors.refused, doors.evicted) == (0, 2)
    inside = [arrive(doors, f"192.0.2.{number}") for number in (2, 3, 4)]
    assert all(visit.spoke() and visit.proved() for visit in inside)
    assert not arrive(doors, "192.0.2.5").spoke()
    assert (doors.refused, doors.evicted) == (1, 2)
    assert [arrive(doors, "192.0.2.6").passed_on() for _ in range(3)] == [True, True, False]
    assert (doors.refused, doors.evicted) == (2, 2)
