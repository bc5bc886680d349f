"""What asyncssh logs of a connection: nothing is put into words that nobody will read.

Its own logger turns every argument into text before it asks whether the level is wanted, thirty times a connection.
"""

import logging
from typing import Any

from asyncssh.logging import SSHLogger


class QuietLogger(SSHLogger):
    """asyncssh's, asking first."""

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log it, if anybody reads that level."""
        if self.isEnabledFor(level):
            super().log(level, msg, *args, **kwargs)

    def get_child(self, child: str = "", context: str = "") -> SSHLogger:
        """One for a part of the connection; the same one while only the loudest is logged anyway."""
        return super().get_child(child, context) if self.isEnabledFor(logging.INFO) else self


def quiet(logger: SSHLogger) -> QuietLogger:
    """The same logger, asking first."""
    return QuietLogger(logger.logger, context=logger._context)
