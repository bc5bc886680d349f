"""How many files and sockets a process may have open."""

import resource
from typing import Final

DESCRIPTORS_MAX: Final = 1 << 20


def raise_descriptor_limit() -> None:
    """Take what the host allows: the usual soft limit of 1024 is for select(2), and would be our limit of users."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
