"""The cage of the paper-opening child holds against someone who runs code inside it."""

import subprocess
import sys
from pathlib import Path

import pytest

LOCK = "from kursdocs.adapters.papers_cage import lock_in\nassert lock_in(500_000_000, 2)\n"


def inside(code: str, *, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``code`` behind the closed door; ``before`` runs while it is still open."""
    program = f"import os, socket\n{before}\n{LOCK}{code}"
    return subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd')",
        "open('/dev/shm/escaped', 'w')",
        "os.listdir('/')",
        "os.unlink('/nowhere')",
        "os.mkdir('/dev/shm/escaped')",
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.kill(os.getppid(), 0)",
        "os.pipe()",
        "os.memfd_create('a')",
    ],
)
def test_reading_writing_network_and_new_processes_are_refused(code: str) -> None:
    done = inside(code)

    assert done.returncode == 1
    assert "PermissionError" in done.stderr


def test_more_memory_than_allowed_is_refused() -> None:
    assert "MemoryError" in inside("bytearray(600_000_000)").stderr


def test_endless_work_is_ended() -> None:
    assert inside("while True: pass").returncode < 0


def test_an_already_open_file_cannot_be_written_either(tmp_path: Path) -> None:
    target = tmp_path / "open.bin"

    done = inside("held.write(b'Muster')", before=f"held = open({str(target)!r}, 'wb', 0)")

    assert "File too large" in done.stderr
    assert target.read_bytes() == b""


def test_counting_in_memory_and_answering_still_works() -> None:
    done = inside("print(sum(bytearray(100_000_000)) + 42)")

    assert (done.returncode, done.stdout) == (0, "42\n")
