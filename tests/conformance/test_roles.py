"""Every shared decision case, the matrix of labels and expressions, and the rules inside Kubernetes clusters."""

from pathlib import Path

import pytest

from doorward.domain.kinds.case_file import Case, parse_case_file
from doorward.domain.kinds.cases import run_case, run_cases

FILE = Path(__file__).parent / "roles.json"
TEXT = FILE.read_text(encoding="utf-8")
CONTENT = parse_case_file(TEXT, "roles.json", {})


@pytest.mark.parametrize("case", CONTENT.cases, ids=[case.id for case in CONTENT.cases])
def test_case_gets_the_expected_answers(case: Case) -> None:
    assert run_case(case).mismatches == ()


def test_whole_file_passes_matrix_included() -> None:
    report = run_cases(TEXT, "roles.json")
    assert report.lines() == ("90 of 90 cases passed",)
    assert report.passed
