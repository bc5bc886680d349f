"""Account names of a role (logins, database users ...), bound to one person.

Names are literal; `*` alone means any in deny, and in allow only where the table of kinds says so. What a trait
contributes is never a wildcard: in allow a value that can not be an account is dropped, in deny it denies.
"""

from doorward.domain.access.account_names import is_account
from doorward.domain.access.labels import WILDCARD
from doorward.domain.access.resource_kinds import Dimension
from doorward.domain.access.role import Entry
from doorward.domain.access.templates import Traits, trait_values
from doorward.domain.access.verdict import Outcome, Step


class Matcher:
    """One dimension of one side of one role."""

    __slots__ = ("_any", "_missed", "_steps", "broken")

    def __init__(self, source: str, side: str, dimension: Dimension, entries: tuple[Entry, ...], traits: Traits):
        rule, deny = f"{side}.{dimension.role_field}", side == "deny"
        self.broken: Step | None = None
        self._any: Step | None = None
        self._steps: dict[str, Step] = {}
        failure: str | None = None
        for entry in entries:
            if entry.template is None:
                if entry.text == WILDCARD and (deny or dimension.allow_wildcard):
                    self._any = Step(source, rule, WILDCARD, Outcome.MATCHED)
                else:
                    self._steps[entry.text] = Step(source, rule, entry.text, Outcome.MATCHED)
                continue
            found = trait_values(entry.template, traits)
            failure = found.failure or failure
            for value in found.values:
                account = f"{entry.template.prefix}{value}{entry.template.suffix}"
                if is_account(dimension.name, account):
                    self._steps[account] = Step(source, rule, account, Outcome.MATCHED)
                else:
                    failure = f"a value of the trait {entry.template.trait} can not be an account"
        if failure is not None and deny:
            self.broken = Step(source, rule, failure, Outcome.BROKEN)
        self._missed = Step(source, rule, failure or "", Outcome.MISSED)

    def check(self, value: str) -> Step:
        """Matched or missed; a broken deny matches everything."""
        if self.broken is not None:
            return self.broken
        return self._steps.get(value) or self._any or self._missed

    @property
    def names(self) -> frozenset[str]:
        """The accounts that it lists; a wildcard lists none."""
        return frozenset(self._steps)
