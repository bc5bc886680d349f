"""Every Python file keeps the rules of `tests.support.tidy`."""

import pytest
from tests.support import tidy
from tests.support.tidy_tree import python_files

CODE = ("src", "tests", "benchmarks", "demo")
NOT_UNIT_TESTS = ("support", "conformance", "simulation", "e2e", "browser", "architecture")


def handwritten(*folders: str) -> list[tuple[str, str]]:
    return [(path, text) for path, text in python_files(*folders) if "/migrations/" not in path]


def test_there_is_something_to_check() -> None:
    assert len(handwritten("src")) > 10
    assert len(handwritten("tests")) > 10


@pytest.mark.parametrize(
    "rule",
    [tidy.too_long, tidy.long_functions, tidy.without_docstring, tidy.banned_words, tidy.bare_ignores],
    ids=lambda rule: rule.__name__,
)
def test_all_code_keeps(rule: object) -> None:
    assert callable(rule)
    findings = [finding for path, text in handwritten(*CODE) for finding in rule(path, text)]
    assert findings == [], "\n".join(findings)


@pytest.mark.parametrize(
    "rule",
    [tidy.logic_in_init, tidy.broad_excepts, tidy.machine_reads, tidy.unsupervised_tasks],
    ids=lambda rule: rule.__name__,
)
def test_product_code_keeps(rule: object) -> None:
    assert callable(rule)
    findings = [finding for path, text in handwritten("src") for finding in rule(path, text)]
    assert findings == [], "\n".join(findings)


def test_pure_code_opens_no_files() -> None:
    code = handwritten("src/doorward/domain", "src/doorward/wire")
    findings = [finding for path, text in code for finding in tidy.file_access(path, text)]
    assert findings == [], "\n".join(findings)


def test_stores_see_only_the_ports_of_the_authority() -> None:
    code = handwritten("src/doorward/stores", "src/doorward/integrations")
    findings = [finding for path, text in code for finding in tidy.operations_seen_by_stores(path, text)]
    assert findings == [], "\n".join(findings)


def test_modules_are_named_for_what_they_hold() -> None:
    findings = [finding for path, _ in python_files(*CODE) for finding in tidy.banned_names(path)]
    assert findings == [], "\n".join(findings)


@pytest.mark.parametrize("rule", [tidy.skipped_tests, tidy.mocks], ids=lambda rule: rule.__name__)
def test_tests_keep(rule: object) -> None:
    assert callable(rule)
    findings = [finding for path, text in handwritten("tests") for finding in rule(path, text)]
    assert findings == [], "\n".join(findings)


def test_unit_tests_never_sleep() -> None:
    unit = [(path, text) for path, text in handwritten("tests") if path.split("/")[1] not in NOT_UNIT_TESTS]
    findings = [finding for path, text in unit for finding in tidy.sleeping_tests(path, text)]
    assert findings == [], "\n".join(findings)
