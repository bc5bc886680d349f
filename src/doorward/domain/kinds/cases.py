"""Running decision cases, for `dw policy test` and for our own promises.

A check tests the dimensions of the account that it names. An allow whose demands (second factor, trusted device) are
not met in the case's context counts as deny.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from doorward.domain.access.built_in import BUILT_IN_ROLES
from doorward.domain.access.decide import decide
from doorward.domain.access.explain import step_line
from doorward.domain.access.expression import parse_expression
from doorward.domain.access.kube_resources import kube_object_allowed
from doorward.domain.access.listing import logins_on
from doorward.domain.access.prepared import Prepared, prepare
from doorward.domain.access.question import Context, Subject, Target, Wanted
from doorward.domain.access.readiness import unmet
from doorward.domain.access.resource_kinds import RESOURCE_KINDS
from doorward.domain.access.role import Condition, Entry, LabelRule, Role
from doorward.domain.access.verdict import Allow, Decision
from doorward.domain.kinds.case_file import Case, CaseTarget, Check, KubeCase, parse_case_file

# Cases name no time; nothing in them depends on it.
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_PROD: Final = {"env": "prod"}


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case: no mismatches means that it passed."""

    id: str
    title: str
    mismatches: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.mismatches


@dataclass(frozen=True, slots=True)
class CaseReport:
    """The results of a file, in its order."""

    results: tuple[CaseResult, ...]

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        return tuple(result for result in self.results if not result.passed)

    @property
    def passed(self) -> bool:
        """Whether every case passed; a file without cases proves nothing and does not pass."""
        return bool(self.results) and not self.failed

    def lines(self) -> tuple[str, ...]:
        """What to show: each mismatch, then the count. Foreign text; print it through `for_terminal`."""
        shown = [f"{result.id}: {line}" for result in self.failed for line in result.mismatches]
        return (*shown, f"{len(self.results) - len(self.failed)} of {len(self.results)} cases passed")


def run_cases(text: str, file: str = "cases", roles: Iterable[Role] = ()) -> CaseReport:
    """Run every case of a YAML or JSON text; `InvalidDocuments` when it is no file of cases.

    Cases may name the given `roles` and the built-in ones.
    """
    content = parse_case_file(text, file, BUILT_IN_ROLES | {role.name: role for role in roles})
    results = [run_case(case) for case in content.cases]
    results += [_matrix_row(number, row, expect) for number, (row, expect) in enumerate(content.matrix, start=1)]
    results += [_kube(case) for case in content.kube_cases]
    return CaseReport(tuple(results))


def run_case(case: Case) -> CaseResult:
    """Run one case."""
    if case.role_problems:
        problems = () if case.expect == "load_error" else tuple(str(problem) for problem in case.role_problems)
        return CaseResult(case.id, case.title, problems)
    if case.expect == "load_error":
        return CaseResult(case.id, case.title, ("the roles were expected to be refused, and load",))
    prepared = prepare(Subject("case", "case", case.roles, case.traits))
    found = [_mismatch(prepared, check, case.expect or check.expect, case.context) for check in case.checks]
    return CaseResult(case.id, case.title, tuple(line for line in found if line is not None))


def _mismatch(prepared: Prepared, check: Check, expect: str, context: Context) -> str | None:
    target = _target(check.target)
    if check.logins is not None:
        logins = logins_on(prepared, target, (), _NOW)
        wanted_logins = check.logins if expect == "allow" else ()
        if logins == wanted_logins:
            return None
        return f"{_asked(check)}: expected logins {_listed(wanted_logins)}, got {_listed(logins)}"
    decision = decide(prepared, target, check.wanted, (), context, _NOW)
    answer = "allow" if isinstance(decision, Allow) and not unmet(decision.obligations, context, _NOW) else "deny"
    return None if answer == expect else f"{_asked(check)}: expected {expect}, got {answer} ({_why(decision, context)})"


def _target(target: CaseTarget) -> Target:
    return Target(target.kind, target.name, target.name, target.labels)


def _asked(check: Check) -> str:
    account = " ".join(f"{name}={value}" for name, value in check.wanted.named)
    return " ".join(part for part in (check.target.kind, check.target.name, account) if part)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _why(decision: Decision, context: Context) -> str:
    if isinstance(decision, Allow):
        owed = unmet(decision.obligations, context, _NOW)
        if owed:
            return "not met: " + ", ".join(one.value for one in owed)
    return "; ".join(step_line(step) for step in decision.trace) or "no role speaks of it"


def _matrix_row(number: int, row: Mapping[str, str], expect: str) -> CaseResult:
    """One row of the matrix of labels and expressions, on every kind of resource."""
    mismatches: list[str] = []
    for kind in RESOURCE_KINDS.values():
        role = Role(
            "matrix",
            _side(kind.name, row["allow_labels"], row["allow_expr"]),
            _side(kind.name, row["deny_labels"], row["deny_expr"]),
        )
        target = Target(kind.name, "matrix", "matrix", _PROD)
        prepared = prepare(Subject("case", "case", (role,)))
        decision = decide(prepared, target, Wanted(partial=True), (), Context(), _NOW)
        answer = "allow" if isinstance(decision, Allow) else "deny"
        if answer != expect:
            mismatches.append(f"{kind.name}: expected {expect}, got {answer}")
    title = ", ".join(f"{name} {state}" for name, state in row.items())
    return CaseResult(f"matrix {number}", title, tuple(mismatches))


def _side(kind: str, labels: str, expression: str) -> Condition:
    selector = None if labels == "unset" else {"env": (Entry("prod" if labels == "match" else "none"),)}
    value = "prod" if expression == "match" else "none"
    parsed = None if expression == "unset" else parse_expression(f'labels["env"] == "{value}"')
    return Condition() if selector is None and parsed is None else Condition({kind: LabelRule(selector, parsed)})


def _kube(case: KubeCase) -> CaseResult:
    answer = "allow" if kube_object_allowed(case.rules, case.wanted) else "deny"
    mismatches = () if answer == case.expect else (f"expected {case.expect}, got {answer}",)
    return CaseResult(case.id, case.title, mismatches)
