"""Points below the ports: the steps of a file, of a request, and of a conversation about a mail."""

import smtplib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from sqlalchemy.engine.default import DefaultDialect
from tests.operations.points import Probe, probing_put

_STEPS = ("connect", "ehlo", "mail", "rcpt", "data")


@contextmanager
def probing_below(probe: Probe, deed: str) -> Iterator[None]:
    """``probe`` is called at each of them; global to the process.

    The commits of the key store are points where keys are all that a deed is about.
    """
    with ExitStack() as stack:
        if deed == "rewrap":
            stack.enter_context(mock.patch.object(DefaultDialect, "do_commit", _committing(probe)))
        stack.enter_context(probing_put(probe))
        for step in _STEPS:
            stack.enter_context(mock.patch.object(smtplib.SMTP, step, _announced(step, probe)))
        yield


def _committing(probe: Probe) -> Callable[..., None]:
    real: Callable[..., None] = DefaultDialect.do_commit

    def commit(dialect: DefaultDialect, connection: Any) -> None:
        probe("keys commit begins")
        real(dialect, connection)
        probe("keys commit ended")

    return commit


def _announced(step: str, probe: Probe) -> Callable[..., Any]:
    real = getattr(smtplib.SMTP, step)

    def call(line: smtplib.SMTP, *arguments: object, **named: object) -> object:
        try:
            probe(f"smtp.{step} begins")
            answer = real(line, *arguments, **named)
            probe(f"smtp.{step} ended")
        except smtplib.SMTPServerDisconnected:
            line.close()  # as the library does before it says so
            raise
        return answer

    return call
