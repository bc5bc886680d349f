"""A role, as it is held in memory: what it allows, what it denies, and which options it sets.

Values here are checked (`doorward.domain.kinds.role` reads them) but not yet bound to a person: labels and matchers may
hold templates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from doorward.domain.access.expression import Expression
from doorward.domain.access.options import RoleOptions
from doorward.domain.access.templates import Template


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed value: a text, or a text with one template in it."""

    text: str
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class LabelRule:
    """The labels and the expression of one kind of resource on one side; None is unset, an empty map is not."""

    selector: Mapping[str, tuple[Entry, ...]] | None = None
    expression: Expression | None = None

    @property
    def label_keys(self) -> frozenset[str] | None:
        """The labels that it looks at; None when it may be any."""
        said = frozenset(self.selector or ())
        if self.expression is None:
            return said
        return None if self.expression.labels is None else said | self.expression.labels


@dataclass(frozen=True, slots=True)
class ApiRule:
    """Rights over the API: each of the verbs on each of the resources."""

    resources: tuple[str, ...]
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One side of a role. Labels by kind of resource, matchers by dimension."""

    labels: Mapping[str, LabelRule] = field(default_factory=dict)
    matchers: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    rules: tuple[ApiRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions and prohibitions."""

    name: str
    allow: Condition = field(default_factory=Condition)
    deny: Condition = field(default_factory=Condition)
    options: RoleOptions = field(default_factory=RoleOptions)
    version: str = "v8"
    description: str = ""
    built_in: bool = False
