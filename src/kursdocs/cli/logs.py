"""What commands write to the log: one JSON object a line on standard error.

Nothing personal: our own lines carry ids and codes, and of a failure only where it happened and of
what type it is. Its message may quote what somebody typed, or a row of the database.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import structlog
from structlog.typing import EventDict


def set_up() -> None:
    """One JSON object a line on standard error; values are escaped, so none can forge a line."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        failure_without_values,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    _set_up_libraries([structlog.stdlib.add_logger_name, *shared])
    threading.excepthook = _thread_died


def _set_up_libraries(shared: list[structlog.types.Processor]) -> None:
    """What libraries say through the standard library looks the same."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer()
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(True)
    # Our own last resort has logged it already, with a number to find it by.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "Exception in ASGI application" not in record.getMessage()
    )


def _thread_died(died: threading.ExceptHookArgs) -> None:
    structlog.get_logger().error("thread.failed", exc_info=died.exc_value)


def failure_without_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace ``exc_info`` by types and places of the failure and of all that led to it."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(_told(error))
    return event


def _told(error: BaseException) -> Iterator[str]:
    """Python's own order: what led to it first. Each error is a line, followed by its places."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _told(before)
    yield _named(error)
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _told(inner)


def _named(error: BaseException) -> str:
    """The type, with what the system (never a person) says: a reason, an SQL state."""
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    said = getattr(error, "strerror", None) or getattr(error, "sqlstate", None)
    return f"{name}: {said}" if isinstance(said, str) else name
