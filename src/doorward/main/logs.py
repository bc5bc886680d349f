"""Log lines of the processes: one JSON object a line on stderr, foreign text escaped by JSON itself.

Libraries log through the standard library, with whatever a peer has sent in the message: their lines go the same way.
"""

import json
import logging
import sys
from typing import Any, TextIO

import structlog


class JsonLines(logging.Formatter):
    """A record of the standard library as a line of ours."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII, whatever the message holds."""
        said: dict[str, Any] = {"role": self._role, "logger": record.name, "event": record.getMessage()}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps({**said, "level": record.levelname.lower()}, ensure_ascii=True)


def configure(role: str, stream: TextIO | None = None) -> None:
    """Call once, at the start of a process."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines(role))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(out),
    )
    structlog.contextvars.bind_contextvars(role=role)
