"""Logs: events with fields, JSON in a cluster, readable lines locally; never personal data."""

import contextlib
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any, Final

import structlog
from typing_extensions import override

from contracts.classes import masked

# PostgreSQL quotes the row that it refuses.
_DETAIL: Final = re.compile(r"DETAIL: .*?(?=\n\[SQL|\n\n|\Z)", re.DOTALL)


def said(error: BaseException) -> str:
    """Write an error to be kept: without the row that the database quotes, and masked."""
    return masked(_DETAIL.sub("DETAIL: …", repr(error)))


def without_rows(
    _logger: object, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Leave out what the database's messages quote of a row: there stand names and addresses."""
    return {
        name: _DETAIL.sub("DETAIL: …", value) if isinstance(value, str) else value
        for name, value in event.items()
    }


@contextlib.contextmanager
def traced(traceparent: str | None, operation: str) -> Iterator[None]:
    """Put the trace (W3C trace id) and the operation on every line that is logged inside."""
    trace = {} if traceparent is None else {"trace": trace_of(traceparent)}
    with structlog.contextvars.bound_contextvars(operation=operation, **trace):
        yield


def trace_of(traceparent: str) -> str:
    """Give the trace id of a traceparent, `00-<trace id>-<span id>-<flags>`."""
    return traceparent[3:35]


def without_numbers(_logger: object, _method: str, line: Any) -> str:  # noqa: ANN401 - what was written, though structlog says a mapping
    """Mask the personal numbers of a written line, wherever they came from."""
    return masked(str(line))


class Plain(logging.Formatter):
    """What libraries log, tracebacks of uvicorn among it, under the same two rules."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Write a record without rows and personal numbers."""
        return masked(_DETAIL.sub("DETAIL: …", super().format(record)))


def configure(style: str) -> None:
    """Set up structlog once for a process; `style` is json or console."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            without_rows,
            renderer,
            without_numbers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Plain("%(levelname)s:%(name)s:%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Give a logger that names its module."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(module=name)
    return logger
