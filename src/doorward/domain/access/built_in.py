"""The roles that every installation has: nobody changes them, nobody declares one of their names.

None of them gives an account on any resource. `admin` may do everything but replay recordings; `auditor` reads and
replays; `reviewer` sees requests; `access` gives nothing and marks a person as one who may ask.
"""

from typing import Final

from doorward.domain.access.rights import RESOURCES, VERBS
from doorward.domain.access.role import ApiRule, Condition, Role

_READING: Final = ("list", "read")
_EVERYTHING_BUT_RECORDINGS: Final = tuple(name for name in RESOURCES if name != "recording")
_EVERYTHING_BUT_PLAY: Final = tuple(verb for verb in VERBS if verb != "play")


def _built_in(name: str, description: str, *rules: ApiRule) -> Role:
    return Role(name, allow=Condition(rules=rules), description=description, built_in=True)


BUILT_IN_ROLES: Final = {
    role.name: role
    for role in (
        _built_in(
            "admin",
            "everything but replaying recordings; no account on any resource",
            ApiRule(_EVERYTHING_BUT_RECORDINGS, VERBS),
            ApiRule(("recording",), _EVERYTHING_BUT_PLAY),
        ),
        _built_in(
            "auditor",
            "reads everything and replays recordings",
            ApiRule(RESOURCES, _READING),
            ApiRule(("recording",), ("play",)),
        ),
        _built_in("reviewer", "sees access requests", ApiRule(("request",), _READING)),
        _built_in("access", "nothing by itself"),
    )
}
