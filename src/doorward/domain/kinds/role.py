"""The kind `role`: YAML in the shape that Teleport made known, versions v5 to v8.

What we do not honour is an error naming the field. Everything that can be checked without a person's traits is checked
here: patterns, expressions, templates, logins, options, API rights.
"""

from typing import Any, Final

from doorward.base.errors import Invalid
from doorward.domain.access.account_names import is_account
from doorward.domain.access.built_in import BUILT_IN_ROLES
from doorward.domain.access.expression import REPORTED, parse_expression
from doorward.domain.access.labels import WILDCARD
from doorward.domain.access.options import RoleOptions, dump_options, parse_options
from doorward.domain.access.patterns import check_pattern, check_pattern_around
from doorward.domain.access.resource_kinds import DIMENSIONS, RESOURCE_KINDS, Dimension
from doorward.domain.access.rights import RESOURCES, VERBS
from doorward.domain.access.role import ApiRule, Condition, Entry, LabelRule, Role
from doorward.domain.access.templates import Template, parse_template
from doorward.domain.kinds.envelope import Kind, Metadata
from doorward.domain.kinds.fields import ITEMS_MAX, Fields
from doorward.domain.kinds.positioned import Positioned, Table, to_plain
from doorward.domain.kinds.role_fields import NOT_YET_HONOURED, not_yet_honoured

VERSIONS: Final = ("v5", "v6", "v7", "v8")
LABEL_KEYS_MAX: Final = 100
RULES_MAX: Final = 100


def parse_role(document: Fields, metadata: Metadata, version: str) -> Role:
    """The role of a document; its name must not be one of the built-in roles."""
    if metadata.name in BUILT_IN_ROLES:
        metadata.fields.wrong("name", f"{metadata.name} is built in and can not be declared")
    return parse_role_spec(document.within("spec", required=True), metadata, version)


def parse_role_spec(spec: Fields, metadata: Metadata, version: str) -> Role:
    """The role of a spec alone, under any name; for roles that live in a test file only."""
    allow = _condition(spec.within("allow"), deny=False)
    deny = _condition(spec.within("deny"), deny=True)
    role = Role(metadata.name, allow, deny, _options(spec.within("options")), version, metadata.description)
    spec.finish()
    return role


def dump_role(role: Role) -> dict[str, Any]:
    """The spec that `parse_role` reads back."""
    sides = {"allow": _dump_condition(role.allow), "deny": _dump_condition(role.deny)}
    options = dump_options(role.options)
    spec: dict[str, Any] = {side: body for side, body in sides.items() if body}
    return {"spec": spec | ({"options": options} if options else {})}


def _condition(fields: Fields, *, deny: bool) -> Condition:
    labels: dict[str, LabelRule] = {}
    for kind in RESOURCE_KINDS.values():
        selector = _selector(fields, kind.labels_field)
        expression = fields.parsed(kind.expression_field, parse_expression)
        if selector is not None or expression is not None:
            labels[kind.name] = LabelRule(selector, expression)
    matchers: dict[str, tuple[Entry, ...]] = {}
    for dimension in DIMENSIONS.values():
        entries = [
            _account(fields, name, node, dimension, deny=deny) for name, node in fields.items(dimension.role_field)
        ]
        if fields.has(dimension.role_field):
            matchers[dimension.name] = tuple(entry for entry in entries if entry is not None)
    rules = tuple(_rule(fields, name, node) for name, node in fields.items("rules", most=RULES_MAX))
    for name in NOT_YET_HONOURED:
        if fields.node(name) is not None:
            fields.wrong(name, not_yet_honoured(name))
    fields.finish()
    return Condition(labels, matchers, rules)


def _selector(fields: Fields, key: str) -> dict[str, tuple[Entry, ...]] | None:
    node = fields.node(key)
    if node is None:
        return None
    if not isinstance(node, Table):
        fields.wrong(key, "a map of labels is expected", node)
        return None
    table = Fields(node, fields.name_of(key), fields.problems)
    if len(node.entries) > LABEL_KEYS_MAX:
        fields.wrong(key, f"{LABEL_KEYS_MAX} labels are the most", node)
        return None
    selector: dict[str, tuple[Entry, ...]] = {}
    for label, _, _ in node.entries:
        if "{{" in label:
            table.wrong(label, "a template can stand in a value, not in a key")
        if label.startswith(REPORTED):
            table.wrong(label, "what nodes say of themselves selects nothing")
        entries = (
            table.parsed_at(name, item, _label_value) for name, item in table.items(label, most=ITEMS_MAX, single=True)
        )
        selector[label] = tuple(entry for entry in entries if entry is not None)
    if WILDCARD in selector:
        if len(selector) > 1:
            table.wrong(WILDCARD, "the wildcard key matches everything, so nothing can stand beside it")
        if [entry.text for entry in selector[WILDCARD]] != [WILDCARD]:
            table.wrong(WILDCARD, "the wildcard key takes the value * and no other; a label's key is literal")
    return selector


def _label_value(text: str) -> Entry:
    template = parse_template(text)
    if template is None:
        check_pattern(text)
    else:
        check_pattern_around(template.prefix, template.suffix)
    return Entry(text, template)


def _account(fields: Fields, name: str, node: Positioned, dimension: Dimension, *, deny: bool) -> Entry | None:
    def parse(text: str) -> Entry:
        template = parse_template(text)
        if text == WILDCARD:
            if not deny and not dimension.allow_wildcard:
                raise Invalid(f"* is no wildcard in {dimension.role_field}; name each one")
        elif not is_account(dimension.name, _sample(text, template)):
            raise Invalid(f"this can not be one of {dimension.role_field}")
        return Entry(text, template)

    return fields.parsed_at(name, node, parse)


def _sample(text: str, template: Template | None) -> str:
    """What the entry could become; a trait's own value is checked when it is known."""
    return text if template is None else f"{template.prefix}x{template.suffix}"


def _rule(fields: Fields, name: str, node: Positioned) -> ApiRule:
    rule = Fields.of(node, fields.name_of(name), fields.problems)
    parsed = ApiRule(_listed(rule, "resources", RESOURCES), _listed(rule, "verbs", VERBS))
    rule.finish()
    return parsed


def _listed(rule: Fields, key: str, known: tuple[str, ...]) -> tuple[str, ...]:
    for name, node in rule.items(key):
        text = rule.text_at(name, node)
        if text not in known:
            rule.wrong(name, f"one of {', '.join(known)} is expected", node)
    before = len(rule.problems)
    texts = rule.texts(key)
    if not texts and len(rule.problems) == before:
        rule.wrong(key, "at least one is needed")
    return texts


def _options(fields: Fields) -> RoleOptions:
    options, problems = parse_options({name: to_plain(node) for name, _, node in fields.table.entries})
    for name, message in problems:
        fields.wrong(name, message)
    return options


def _dump_condition(condition: Condition) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for kind in RESOURCE_KINDS.values():
        rule = condition.labels.get(kind.name)
        if rule is not None and rule.selector is not None:
            body[kind.labels_field] = {key: [entry.text for entry in entries] for key, entries in rule.selector.items()}
        if rule is not None and rule.expression is not None:
            body[kind.expression_field] = rule.expression.text
    for name, entries in condition.matchers.items():
        body[DIMENSIONS[name].role_field] = [entry.text for entry in entries]
    if condition.rules:
        body["rules"] = [{"resources": list(rule.resources), "verbs": list(rule.verbs)} for rule in condition.rules]
    return body


ROLE: Final = Kind(
    "role",
    VERSIONS,
    Role,
    parse_role,
    dump_role,
)
