"""The registry knows every call that leaves the process, and nothing that is not there."""

import ast
from pathlib import Path

from tests.faults.deeds import DEEDS
from tests.faults.registry import BY_COMMAND, ELSEWHERE, FAILPOINTS
from tests.operations.points import PORTS

from kursdocs import operations

HERE = Path(operations.__path__[0])


def called() -> set[str]:
    """Every method of a port that an operation calls or hands on, as it stands in the source."""
    found = set()
    for path in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Attribute):
                continue
            if node.value.attr in PORTS:
                found.add(f"{node.value.attr}.{node.attr}")
    return found


def registered() -> set[str]:
    """Calls of ports at which faults are injected."""
    points = {point.rsplit(" ", 1)[0] for points in FAILPOINTS.values() for point in points}
    return {point for point in points if point.split(".")[0] in PORTS}


def test_every_call_of_a_port_in_an_operation_has_its_failpoint_or_its_reason() -> None:
    assert called() | BY_COMMAND == registered() | set(ELSEWHERE)
    assert not registered() & set(ELSEWHERE)


def test_every_deed_has_failpoints() -> None:
    assert set(FAILPOINTS) == set(DEEDS)
