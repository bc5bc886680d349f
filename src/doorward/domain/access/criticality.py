"""What a resource's criticality adds to every session on it, whatever the roles say.

A critical one is not used out of sight: when the gateway loses its contact with the authority, sessions end at once
(security.md 7). It comes from the label `criticality`; only the exact value counts.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from doorward.domain.access.obligations import NO_TIME, Obligations
from doorward.domain.access.verdict import Outcome, Step

CRITICALITY: Final = "criticality"
CRITICAL: Final = "critical"
CRITICAL_STEP: Final = Step(CRITICALITY, "on_control_loss, lock", "critical: cut", Outcome.MATCHED)


def is_critical(labels: Mapping[str, str]) -> bool:
    """Whether the resource is a critical one."""
    return labels.get(CRITICALITY) == CRITICAL


def on_critical(obligations: Obligations) -> Obligations:
    """The obligations of a session on a critical resource: the stricter of each, and no time out of sight."""
    return replace(obligations, on_control_loss=NO_TIME, lock=NO_TIME)
