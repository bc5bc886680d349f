"""One house for all end-to-end tests of a worker; at its end the log must add up."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.house import House, eventually

HERE = Path(__file__).parent
# A first test waits for the house; colleagues' tests may be busy beside it.
SECONDS_MAX = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(SECONDS_MAX))


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """Shared; a test brings its own user, and waits until what it broke is whole again."""
    with House.build() as built:
        yield built
        the_log_adds_up(built)


def the_log_adds_up(house: House) -> None:
    """Every entry verifies, and each session that ended has exactly one beginning and one end."""
    eventually(lambda: house.admin.run("status").returncode == 0, "the authority is away")
    house.admin.dw("audit", "verify")
    sessions = json.loads(house.admin.dw("sessions", "ls", "--limit", "1000", "--json"))
    opened = Counter(event["fields"]["session_id"] for event in pages(house, "session.opened"))
    ended = Counter(event["fields"]["session_id"] for event in pages(house, "session.ended"))
    assert opened == {each["id"]: 1 for each in sessions}
    assert ended == {each["id"]: 1 for each in sessions if each["state"] == "ended"}


def pages(house: House, kind: str) -> list[dict[str, dict[str, str]]]:
    found = house.events("--type", kind, "--limit", "500")
    assert len(found) < 500, "there are more than one page holds"
    return found
