"""What a principal may know of: the one predicate behind every list, search, explain, dry-run, error and completion.

A resource is known when the labels of a held role match it, whether or not a login, a deny or a lock then stands in the
way. What is not known does not exist for the asker: same answer, same text.
"""

from datetime import datetime

from doorward.domain.access.prepared import KindPolicy, Prepared
from doorward.domain.access.question import Target
from doorward.domain.access.resource_kinds import RESOURCE_KINDS
from doorward.domain.access.verdict import Outcome


def may_know(prepared: Prepared, target: Target, now: datetime) -> bool:
    """Whether the labels of a standing role, or of an active grant's role on its resources, match `target`."""
    if target.kind not in RESOURCE_KINDS:
        return False
    if _matches(prepared.standing(target.kind), target):
        return True
    return any(
        grant.covers_resource(target, now) and _matches(prepared.granted(target.kind, place), target)
        for place, grant in enumerate(prepared.grants)
    )


def _matches(policy: KindPolicy, target: Target) -> bool:
    return any(role.labels.check(target.labels).outcome is Outcome.MATCHED for role in policy.allowing)
