"""What a program writes to its log: JSON on every line, and nothing that a failure quotes."""

import json
import subprocess
import sys

SCRIPT = """
import logging, threading, warnings
import structlog
from kursdocs.cli import logs

logs.set_up()
log = structlog.get_logger()
with structlog.contextvars.bound_contextvars(request_id="0123456789abcdef"):
    log.debug("not.shown")
    log.info("shown", count=1)
    try:
        try:
            int("Mustermann")
        except ValueError as error:
            raise KeyError("Probefried") from error
    except KeyError:
        log.exception("it.failed")
        logging.getLogger("some.library").exception("it failed there")
try:
    open("/nowhere/Mustermann")
except OSError as error:
    log.error("no.file", exc_info=error)
try:
    raise ExceptionGroup("Mustermann", [ValueError("Probefried")])
except ExceptionGroup:
    log.exception("several.failed")
logging.getLogger("uvicorn.error").error("Exception in ASGI application")
logging.getLogger("uvicorn.access").info("GET /documents/Mustermann")
log.info("forged", text='x\\n{"event": "paid"}')
warnings.warn("old")
thread = threading.Thread(target=lambda: int("Mustermann"))
thread.start()
thread.join()
"""


def test_every_line_is_json_and_a_failure_tells_where_but_not_what() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True
    )

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    by_event = {line["event"]: line for line in lines}
    assert list(by_event) == [
        *("shown", "it.failed", "it failed there", "no.file", "several.failed", "forged"),
        *(event for event in by_event if "old" in event),
        "thread.failed",
    ]
    assert "Mustermann" not in done.stderr
    assert "Probefried" not in done.stderr
    for event in ("shown", "it.failed", "it failed there"):
        assert by_event[event]["request_id"] == "0123456789abcdef"
    assert by_event["it failed there"]["logger"] == "some.library"
    assert [
        line.partition(" in ")[2] or line
        for line in by_event["it.failed"]["exception"].splitlines()
    ] == ["ValueError", "<module>", "KeyError", "<module>"]
    assert by_event["no.file"]["exception"].startswith(
        "FileNotFoundError: No such file or directory"
    )
    assert "ValueError" in by_event["several.failed"]["exception"]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
