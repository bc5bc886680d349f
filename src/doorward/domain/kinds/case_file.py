"""Files of decision cases: roles, resources and questions with the answers that their author expects.

People test their own policy with them, in YAML or JSON. A case brings its roles inline or names roles that the caller
gives beside. Roles are read leniently here only in that a broken one is kept as its problems: a case may expect that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from doorward.base.errors import Invalid
from doorward.domain.access.kube_resources import KubeObject, KubeResourceRule
from doorward.domain.access.levels import SecondFactor
from doorward.domain.access.patterns import check_pattern
from doorward.domain.access.question import Context, Wanted
from doorward.domain.access.resource_kinds import DIMENSIONS, RESOURCE_KINDS
from doorward.domain.access.role import Role
from doorward.domain.kinds.envelope import Metadata
from doorward.domain.kinds.fields import Fields
from doorward.domain.kinds.positioned import InvalidDocuments, Positioned, Problem, Scalar, Table
from doorward.domain.kinds.role import parse_role_spec
from doorward.domain.kinds.yaml_text import parse_yaml

CASES_MAX: Final = 10_000
CHECKS_MAX: Final = 10_000
EXPECTATIONS: Final = ("allow", "deny", "load_error")
ROW_STATES: Final = ("unset", "match", "nomatch")
ROW_FIELDS: Final = ("allow_labels", "allow_expr", "deny_labels", "deny_expr")


@dataclass(frozen=True, slots=True)
class CaseTarget:
    """The resource of a check."""

    name: str
    kind: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Check:
    """One question; `logins` is set when the expected answer is the list of logins."""

    target: CaseTarget
    wanted: Wanted
    expect: str
    logins: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Case:
    """Some roles, a person's traits, the circumstances, and questions. `expect` replaces the answers of all checks."""

    id: str
    title: str
    roles: tuple[Role, ...]
    role_problems: tuple[Problem, ...]
    traits: Mapping[str, tuple[str, ...]]
    context: Context
    checks: tuple[Check, ...]
    expect: str | None


@dataclass(frozen=True, slots=True)
class KubeCase:
    """Rules inside a Kubernetes cluster and one question."""

    id: str
    title: str
    rules: tuple[KubeResourceRule, ...]
    wanted: KubeObject
    expect: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything that one file asks."""

    cases: tuple[Case, ...] = ()
    matrix: tuple[tuple[Mapping[str, str], str], ...] = ()
    kube_cases: tuple[KubeCase, ...] = ()


@dataclass(slots=True)
class _Reading:
    roles: Mapping[str, Role]
    resources: dict[str, CaseTarget] = field(default_factory=dict)


def parse_case_file(text: str, file: str, roles: Mapping[str, Role]) -> CaseFile:
    """The cases of a file; `InvalidDocuments` when it is not of this shape. `roles` are those that it may name."""
    documents = parse_yaml(text, file)
    if len(documents) != 1:
        raise InvalidDocuments((Problem(file, 0, "", "one document with cases is expected"),))
    problems: list[Problem] = []
    whole = Fields.of(documents[0], "", problems)
    reading = _Reading(roles)
    for ignored in ("about", "shape", "description"):
        whole.node(ignored)
    resources = whole.within("resources")
    for name, _, node in resources.table.entries:
        fields = Fields.of(node, resources.name_of(name), problems)
        reading.resources[name] = CaseTarget(name, _kind(fields), _labels(fields, "labels"))
        fields.finish()
    cases = tuple(_case(whole, name, node, reading) for name, node in whole.items("cases", most=CASES_MAX))
    matrix = _matrix(whole.within("label_expression_matrix"))
    kube_cases = tuple(_kube_case(whole, name, node) for name, node in whole.items("kubernetes_resource_rules"))
    whole.finish()
    if problems:
        raise InvalidDocuments(problems)
    return CaseFile(cases, matrix, kube_cases)


def _case(whole: Fields, name: str, node: Positioned, reading: _Reading) -> Case:
    fields = Fields.of(node, name, whole.problems)
    for ignored in ("group", "source", "note", "teleport_trap"):
        fields.node(ignored)
    role_problems: list[Problem] = []
    roles = [_role(fields, item, role, reading, role_problems) for item, role in fields.items("roles")]
    traits_table = fields.within("user_traits")
    traits = {trait: traits_table.texts(trait) for trait, _, _ in traits_table.table.entries}
    default_kind = _kind(fields) if fields.has("kind") else None
    checks = [
        _check(fields, item, check, default_kind, reading) for item, check in fields.items("checks", most=CHECKS_MAX)
    ]
    expect = _expectation(fields, "doorward_expect") if fields.has("doorward_expect") else None
    case = Case(
        fields.text("id", required=True),
        fields.text("title"),
        tuple(role for role in roles if role is not None),
        tuple(role_problems),
        traits,
        _context(fields.within("context")),
        tuple(checks),
        expect,
    )
    fields.finish()
    return case


def _role(fields: Fields, name: str, node: Positioned, reading: _Reading, problems: list[Problem]) -> Role | None:
    if isinstance(node, Scalar):
        role_name = fields.text_at(name, node)
        if role_name not in reading.roles:
            fields.wrong(name, "no role of this name was given beside the cases", node)
        return reading.roles.get(role_name)
    role = Fields.of(node, fields.name_of(name), problems)
    if isinstance(node, Table) and role.has("spec"):
        fields.wrong(name, "give whole role documents beside the cases and name them here", node)
    metadata = Metadata(role.text("name", required=True), role)
    return parse_role_spec(role, metadata, "v8")


def _check(fields: Fields, name: str, node: Positioned, default_kind: str | None, reading: _Reading) -> Check:
    check = Fields.of(node, fields.name_of(name), fields.problems)
    check.node("note")
    wanted = {dimension: check.text(dimension) for dimension in DIMENSIONS if check.has(dimension)}
    logins = tuple(sorted(check.texts("expect_logins"))) if check.has("expect_logins") else None
    expect = _expectation(check, "expect") if logins is None else "allow"
    target = _target(check, default_kind, reading)
    check.finish()
    return Check(target, Wanted(**wanted, partial=True), expect, logins)


def _target(check: Fields, default_kind: str | None, reading: _Reading) -> CaseTarget:
    if check.has("resource"):
        name = check.text("resource")
        if name not in reading.resources:
            check.wrong("resource", "there is no such resource in this file")
        return reading.resources.get(name, CaseTarget(name, "node", {}))
    if not check.has("resource_labels"):
        check.wrong("resource", "resource or resource_labels is needed")
    kind = _kind(check) if check.has("kind") or default_kind is None else default_kind
    return CaseTarget("inline", kind, _labels(check, "resource_labels"))


def _context(fields: Fields) -> Context:
    verified = _factor(fields, "mfa_verified", SecondFactor.WEBAUTHN)
    least = _factor(fields, "cluster_mfa", SecondFactor.YES)
    fields.node("device_enforced")  # a role that asks for a trusted device asks, whatever the installation enforces
    context = Context(mfa=verified, least_mfa=least, device_verified=fields.flag("device_verified"))
    fields.finish()
    return context


def _factor(fields: Fields, key: str, when_true: SecondFactor) -> SecondFactor:
    """A truth, or a word: an unknown demand counts as one that has to be met."""
    node = fields.node(key)
    value = node.value if isinstance(node, Scalar) else None
    if value is True:
        return when_true
    if value in (None, False, "no", "off", "optional"):
        return SecondFactor.NO
    if value == "webauthn":
        return SecondFactor.WEBAUTHN
    if key == "mfa_verified" and value not in ("yes", "totp"):
        fields.wrong(key, "true, false, totp or webauthn is expected", node)
    return SecondFactor.YES


def _kind(fields: Fields) -> str:
    kind = fields.text("kind", required=True)
    if kind not in RESOURCE_KINDS:
        fields.wrong("kind", f"one of {', '.join(RESOURCE_KINDS)} is expected")
    return kind if kind in RESOURCE_KINDS else "node"


def _labels(fields: Fields, key: str) -> dict[str, str]:
    table = fields.within(key)
    return {label: table.text_at(label, node) for label, _, node in table.table.entries}


def _expectation(fields: Fields, key: str) -> str:
    return fields.parsed(key, _one_expectation, required=True) or "deny"


def _one_expectation(text: str) -> str:
    if text not in EXPECTATIONS:
        raise Invalid(f"reading a case: one of {', '.join(EXPECTATIONS)} is expected")
    return text


def _matrix(matrix: Fields) -> tuple[tuple[Mapping[str, str], str], ...]:
    rows: list[tuple[Mapping[str, str], str]] = []
    for ignored in ("source", "rule"):
        matrix.node(ignored)
    for name, node in matrix.items("rows"):
        row = Fields.of(node, matrix.name_of(name), matrix.problems)
        states = {key: row.text(key, required=True) for key in ROW_FIELDS}
        for key, state in states.items():
            if state not in ROW_STATES:
                row.wrong(key, f"one of {', '.join(ROW_STATES)} is expected")
        rows.append((states, _expectation(row, "expect")))
        row.finish()
    matrix.finish()
    return tuple(rows)


def _kube_case(whole: Fields, name: str, node: Positioned) -> KubeCase:
    fields = Fields.of(node, name, whole.problems)
    for ignored in ("source", "note", "group"):
        fields.node(ignored)
    rules: list[KubeResourceRule] = []
    for item, rule_node in fields.items("rules"):
        rule = Fields.of(rule_node, fields.name_of(item), fields.problems)
        name_pattern, namespace = rule.parsed("name", _pattern) or "", rule.parsed("namespace", _pattern) or ""
        rules.append(KubeResourceRule(rule.text("kind"), name_pattern, namespace, rule.texts("verbs")))
        rule.finish()
    request = fields.within("request", required=True)
    verbs = request.texts("verbs")
    verb = verbs[0] if len(verbs) == 1 else ""  # a question about several verbs, or none, is answered by deny
    wanted = KubeObject(request.text("kind"), request.text("name"), request.text("namespace"), verb)
    request.finish()
    case = KubeCase(
        fields.text("id", required=True), fields.text("title"), tuple(rules), wanted, _expectation(fields, "expect")
    )
    fields.finish()
    return case


def _pattern(text: str) -> str:
    check_pattern(text)
    return text
