"""Limits at the door: counts that come back, and room for a newcomer while one address floods."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from doorward.net.doors import DoorLimits, Doors, Stage, Visit, door_address, door_network

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
    closed: list[str] = []
    assert all(arrive(doors, "192.0.2.1", closed, str(number)).passed_on() for number in range(3))
    assert closed == ["0"]
    assert all(arrive(doors, "192.0.2.2", closed, str(number)).passed_on() for number in (3, 4))
    assert closed == ["0", "1"]  # of the address that has most, not of the newcomer's
    assert doors.count(Stage.PASSED_ON) == 3
    assert arrive(doors, "192.0.2.1").proved()


def test_few_networks_whose_connections_are_passed_on_keep_nobody_else_out() -> None:
    """Sixteen networks with 256 connections each once filled every place, for as long as they liked."""
    doors = Doors(DoorLimits())
    closed: list[str] = []
    for number in range(4096 + 64):
        assert arrive(doors, f"192.0.{number % 16}.{number % 7}", closed, "flood").passed_on()
    newcomers = [arrive(doors, "198.51.100.7", closed, "newcomer") for _ in range(200)]
    assert all(one.passed_on() for one in newcomers)
    assert set(closed) == {"flood"}
    assert doors.refused == 0


def test_a_network_is_bounded_however_many_addresses_it_has() -> None:
    doors = Doors(DoorLimits(passed_on_per_network_max=5))
    closed: list[str] = []
    for number in range(20):
        assert arrive(doors, f"192.0.2.{number}", closed, str(number)).passed_on()
    assert doors.count(Stage.PASSED_ON) == 5
    assert closed == [str(number) for number in range(15)]
    assert arrive(doors, "192.0.3.1").passed_on()
    assert doors.count(Stage.PASSED_ON) == 6


def test_what_has_only_begun_makes_room_first_and_a_newcomer_never_for_itself() -> None:
    doors = Doors(DoorLimits(passed_on_per_address_max=3))
    closed: list[str] = []
    visits = [arrive(doors, "192.0.2.1", closed, str(number)) for number in range(5)]
    for number in (0, 1, 2):
        assert visits[number].passed_on()
    visits[0].used()
    visits[2].used()
    assert visits[3].passed_on()
    assert closed == ["1"]
    visits[3].used()
    assert visits[4].passed_on()
    assert closed == ["1", "0"]


def test_nobody_takes_a_reserved_place_and_gateways_need_none_of_the_others() -> None:
    doors = Doors(DoorLimits(inside_max=2, reserved_max=4, reserved_per_holder_max=2))
    assert [arrive(doors, "192.0.2.1").proved(f"user {number}") for number in range(3)] == [True, True, False]
    one = [arrive(doors, "192.0.2.1").proved("gateway a", Stage.RESERVED) for _ in range(3)]
    other = [arrive(doors, "192.0.2.1").proved("gateway b", Stage.RESERVED) for _ in range(2)]
    assert (one, other) == ([True, True, False], [True, True])


def test_one_holder_of_a_certificate_does_not_fill_the_house_from_many_addresses() -> None:
    doors = Doors(DoorLimits(inside_per_holder_max=2))
    visits = [arrive(doors, f"192.0.{number}.1") for number in range(4)]
    assert [visit.proved("user a") for visit in visits] == [True, True, False, False]
    assert arrive(doors, "192.0.9.1").proved("user b")
    visits[0].leave()
    assert visits[2].proved("user a")
    assert visits[2].proved("user b")  # is inside already, as who they were
    visits[2].leave()
    assert arrive(doors, "192.0.2.1").proved("user a")


def test_who_had_to_make_room_proves_nothing_any_more() -> None:
    doors = Doors(SMALL)
    first = arrive(doors, "192.0.2.1")
    assert first.spoke()
    assert all(arrive(doors, "192.0.2.1").spoke() for _ in range(2))
    assert first.stage is Stage.GONE
    assert not first.proved()
    assert not first.greeted()
    first.used()
    assert doors.count(Stage.INSIDE) == 0


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


def test_an_ipv4_slash_24_and_an_ipv6_site_are_one_network() -> None:
    assert door_network("192.0.2.1") == door_network("::ffff:192.0.2.99") == "192.0.2.0/24"
    assert door_network("192.0.3.1") != door_network("192.0.2.1")
    assert door_network("2001:db8:1:100::1") == door_network("2001:db8:1:2::1")
    assert door_network("2001:db8:2::1") != door_network("2001:db8:1::1")
    assert door_network("local") == "local"


STEPS = ["arrive", "spoke", "greeted", "passed_on", "used", "proved", "proved reserved", "leave"]
TINY = DoorLimits(
    silent_max=6,
    silent_per_network_max=4,
    silent_per_address_max=3,
    unproven_max=5,
    unproven_per_network_max=3,
    unproven_per_address_max=2,
    passed_on_max=5,
    passed_on_per_network_max=4,
    passed_on_per_address_max=2,
    inside_max=4,
    inside_per_address_max=3,
    inside_per_holder_max=2,
    reserved_max=3,
    reserved_per_holder_max=2,
)
BOUNDS = {
    Stage.SILENT: (6, 4, 3, 99),
    Stage.UNPROVEN: (5, 3, 2, 99),
    Stage.PASSED_ON: (5, 4, 2, 99),
    Stage.INSIDE: (4, 99, 3, 2),
    Stage.RESERVED: (3, 99, 99, 2),
}


def take(visit: Visit, step: str, holder: str) -> bool | None:
    match step:
        case "proved":
            return visit.proved(holder)
        case "proved reserved":
            return visit.proved(holder, Stage.RESERVED)
        case _:
            result: bool | None = getattr(visit, step)()
            return result


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 9), st.integers(0, 2), st.integers(0, 2)), max_size=80
    )
)
def test_counts_are_exact_and_within_limits_whatever_happens(steps: list[tuple[str, int, int, int]]) -> None:
    doors, visits = Doors(TINY), list[Visit]()
    closed: list[Visit] = []

    def come(address: str) -> Visit:
        made: list[Visit] = []
        made.append(doors.arrive(address, lambda: closed.append(made[0])))
        return made[0]

    for step, which, network, host in steps:
        before = {visit: (visit.stage, visit.is_used) for visit in visits}
        gone_before = len(closed)
        if step == "arrive":
            visits.append(come(f"192.0.{network}.{host}"))
            subject, answer = visits[-1], True
        elif visits:
            subject = visits[which % len(visits)]
            answer = take(subject, step, f"holder {host}") is not False
        else:
            continue
        for visit in closed[gone_before:]:
            assert visit is not subject  # a newcomer makes no room for itself
            stage, was_used = before[visit]
            assert stage in {Stage.SILENT, Stage.UNPROVEN, Stage.PASSED_ON}  # who has proven anything stays
            neighbours = [
                one
                for one, (at, _) in before.items()
                if at is stage and one.address == visit.address and one is not subject
            ]
            assert not was_used or all(before[one][1] for one in neighbours)
        assert len(closed) - gone_before <= 1
        if answer and step in {"spoke", "greeted", "passed_on"}:
            assert subject.stage is (Stage.PASSED_ON if step == "passed_on" else Stage.UNPROVEN)
        for stage, (total, per_network, per_address, per_holder) in BOUNDS.items():
            here = [visit for visit in visits if visit.stage is stage]
            assert doors.count(stage) == len(here) <= total
            for counted, bound in (
                (Counter(visit.network for visit in here), per_network),
                (Counter(visit.address for visit in here), per_address),
                (Counter(visit.holder for visit in here), per_holder),
            ):
                assert max(counted.values(), default=0) <= bound


@given(
    crowd=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=6, max_size=40),
    newcomer=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
def test_who_makes_room_is_of_the_fullest_network_and_there_of_the_fullest_address(
    crowd: list[tuple[int, int]], newcomer: tuple[int, int]
) -> None:
    doors = Doors(DoorLimits(passed_on_max=len(crowd)))
    closed: list[Visit] = []

    def come(network: int, host: int) -> Visit:
        made: list[Visit] = []
        made.append(doors.arrive(f"192.0.{network}.{host}", lambda: closed.append(made[0])))
        assert made[0].passed_on()
        return made[0]

    visits = [come(*one) for one in crowd]
    assert closed == []
    visits.append(come(*newcomer))
    (gone,) = closed
    networks = Counter(visit.network for visit in visits)
    addresses = Counter(visit.address for visit in visits if visit.network == gone.network)
    assert networks[gone.network] == max(networks.values())
    assert addresses[gone.address] == max(addresses.values())
    assert gone is next(visit for visit in visits if visit.address == gone.address)


def test_who_is_turned_away_and_who_makes_room_is_counted() -> None:
    doors = Doors(SMALL)
    for _ in range(5):
        arrive(doors, "192.0.2.1")
    assert (doors.refused, doors.evicted) == (0, 2)
    inside = [arrive(doors, f"192.0.2.{number}") for number in (2, 3, 4)]
    assert all(visit.spoke() and visit.proved() for visit in inside)
    assert not arrive(doors, "192.0.2.5").spoke()
    assert (doors.refused, doors.evicted) == (1, 2)
    assert all(arrive(doors, "192.0.2.6").passed_on() for _ in range(3))
    assert (doors.refused, doors.evicted) == (1, 3)
