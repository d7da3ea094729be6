"""What the architecture promises about the source, read from the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src/kursdocs"
MODULES = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.py"))

# Where a transaction may end. Everything else works within one and never ends it.
# The last ends transactions in a copy of its own alone, which nobody else ever sees.
MAY_COMMIT = {"adapters/database.py", "adapters/key_store.py", "adapters/dumps.py"}

# Calls that reach outside; in the body of a module they would run on import.
REACHES_OUTSIDE = {
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "mkdir",
    "connect", "create_engine", "create_connection", "urlopen", "Popen", "run",
    "getenv", "now", "today", "utcnow", "time", "monotonic", "token_hex", "token_bytes",
    "token_urlsafe", "uuid4", "uuid7", "Thread", "start",
}  # fmt: skip


def tree_of(module: str) -> ast.Module:
    return ast.parse((SOURCES / module).read_text(), filename=module)


def called_name(call: ast.Call) -> str:
    """``commit`` for both ``commit()`` and ``session.commit()``."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def calls_on_import(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that run when the module is imported: all but those inside functions."""
    if isinstance(node, ast.Lambda) or is_main_guard(node):
        return
    if isinstance(node, ast.Call):
        yield node
    inner: list[ast.expr | None] | list[ast.AST]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        inner = [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults]
    else:
        inner = list(ast.iter_child_nodes(node))
    for child in inner:
        if child is not None:
            yield from calls_on_import(child)


def is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def test_imports_keep_to_the_direction_of_the_house() -> None:
    program = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("module", MODULES)
def test_only_the_database_and_the_key_store_end_transactions(module: str) -> None:
    lines = [
        node.lineno
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call) and called_name(node) in {"commit", "rollback"}
    ]

    assert not lines or module in MAY_COMMIT, f"{module}: commit or rollback in lines {lines}"


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_reaches_nothing_outside(module: str) -> None:
    found = {
        f"{called_name(call)} in line {call.lineno}"
        for call in calls_on_import(tree_of(module))
        if called_name(call) in REACHES_OUTSIDE
    }

    assert found == set()


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top_of_the_module(module: str) -> None:
    inner = [
        node.lineno
        for function in ast.walk(tree_of(module))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert inner == [], "a deferred import hides a cycle"


def test_only_settings_reads_the_environment() -> None:
    readers = {
        module
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.ImportFrom) and node.module == "os"
            and {alias.name for alias in node.names} & {"environ", "getenv"})
    }  # fmt: skip

    assert readers <= {"settings.py"}
