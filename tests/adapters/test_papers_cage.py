"""The cage of the paper-opening child holds against someone who runs code inside it."""

import errno
import platform
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


# Doors that Python has no word for, tried one by one by their number: (x86-64, ARM64).
CALLS = {
    "openat": (257, 56),
    "openat2": (437, 437),
    "socket": (41, 198),
    "connect": (42, 203),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "bind": (49, 200),
    "accept4": (288, 242),
    "clone": (56, 220),
    "clone3": (435, 435),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "prctl": (157, 167),
    "seccomp": (317, 277),
    "prlimit64": (302, 261),
    "getdents64": (217, 61),
    "readlinkat": (267, 78),
    "unlinkat": (263, 35),
    "renameat2": (316, 276),
    "mkdirat": (258, 34),
    "linkat": (265, 37),
    "symlinkat": (266, 36),
    "fchmodat": (268, 53),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "name_to_handle_at": (303, 264),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "inotify_init1": (294, 26),
    "dup": (32, 23),
    "pipe2": (293, 59),
    "ioctl": (16, 29),
    "personality": (135, 92),
    "modify_ldt or none": (154, 1000),
    "x32: open": (0x40000002, 1000),
}


def test_every_other_way_into_the_kernel_is_refused() -> None:
    numbers = {name: pair[platform.machine() != "x86_64"] for name, pair in CALLS.items()}
    asked = f"""
import ctypes
ask = ctypes.CDLL(None, use_errno=True).syscall
for name, number in {numbers!r}.items():
    ctypes.set_errno(0)
    print(name, ask(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno(), sep='|')
"""
    done = inside(asked, before="import ctypes")

    assert done.stdout.splitlines() == [f"{name}|-1|{errno.EPERM}" for name in numbers]


def test_the_limits_cannot_be_raised_again() -> None:
    raising = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))"

    assert inside(raising, before="import resource").returncode == 1


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
