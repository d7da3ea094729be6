"""Every point at which an operation can die: before and after each call that leaves the process.

:func:`probed` wraps the ports of real services so that a probe is called at each point, in order;
:func:`probing_put` adds the points inside the object store's ``put``. A probe may record, raise,
switch a part off or kill the process. Nothing is listed by hand: whatever is called is a point.
"""

import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from sqlmodel import Session

from kursdocs.services import Services

Probe = Callable[[str], None]
Transaction = Callable[[], AbstractContextManager[Session]]

PORTS = ("papers", "keys", "store", "scanner", "mailer")


class Probed:
    """A port whose every call is announced before it begins and after it ended."""

    def __init__(self, name: str, real: object, probe: Probe) -> None:
        self._name = name
        self._real = real
        self._probe = probe

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._real, method)
        point = f"{self._name}.{method}"

        def call(*arguments: object, **named: object) -> object:
            self._probe(f"{point} begins")
            answer = real(*arguments, **named)
            self._probe(f"{point} ended")
            return answer

        return call


def _probed_transaction(real: Transaction, probe: Probe) -> Transaction:
    @contextmanager
    def transaction() -> Iterator[Session]:
        probe("transaction begins")
        with real() as session:
            yield session
            probe("commit begins")
        probe("commit ended")

    return transaction


def probed(services: Services, probe: Probe) -> Services:
    """The same services; ``probe`` is called with the name of each point as it is passed."""
    ports: dict[str, Any] = {name: Probed(name, getattr(services, name), probe) for name in PORTS}
    return replace(services, transaction=_probed_transaction(services.transaction, probe), **ports)


@contextmanager
def probing_put(probe: Probe) -> Iterator[None]:
    """Points below the port too: the steps by which a file appears, and half of a request's body.

    Global to the process, so for a child that does nothing else.
    """
    real_send = http.client.HTTPConnection.send

    def send_by_halves(self: http.client.HTTPConnection, data: Any) -> None:
        if not isinstance(data, bytes):
            real_send(self, data)
            return
        real_send(self, data[: len(data) // 2])
        probe("half of a request sent")
        real_send(self, data[len(data) // 2 :])

    with ExitStack() as stack:
        for name in ("fsync", "link"):
            stack.enter_context(mock.patch.object(os, name, _announced(name, probe)))
        stack.enter_context(mock.patch.object(http.client.HTTPConnection, "send", send_by_halves))
        yield


def _announced(name: str, probe: Probe) -> Callable[..., Any]:
    real = getattr(os, name)

    def call(*arguments: object, **named: object) -> object:
        probe(f"os.{name} begins")
        answer = real(*arguments, **named)
        probe(f"os.{name} ended")
        return answer

    return call
