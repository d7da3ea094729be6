"""The cage of the paper-opening child: little memory, no files, no network, no new programs.

Two layers. Resource limits hold everywhere. A system call filter (seccomp, Linux on x86-64 and
ARM64) leaves only what counting in memory and talking over the two inherited pipes needs; all
other calls fail with EPERM. So a parser that a hostile file has taken over can neither read the
master key nor reach the database. Knows nothing of PDFs or of the service.
Entry point: :func:`lock_in`.

The child must have loaded and tried all it needs before: even opening a font or a Python module
is refused afterwards. Pages are therefore drawn alike on every machine, with the fonts inside
the PDF or those built into pdfium.
"""

import ctypes
import platform
import resource
import struct
import sys

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

# Classic BPF: load a word, compare it, return a verdict (linux/filter.h, linux/seccomp.h).
_LOAD = 0x20
_IF_EQUAL = 0x15
_RETURN = 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 1  # EPERM
_KILL = 0x80000000

# name: (x86-64, ARM64). Signals and limits of other processes are left out on purpose; abort()
# still ends the child, by an illegal instruction.
_CALLS = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "readv": (19, 65),
    "writev": (20, 66),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "setitimer": (38, 103),
    "getpid": (39, 172),
    "exit": (60, 93),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "futex": (202, 98),
    "clock_gettime": (228, 113),
    "exit_group": (231, 94),
    "newfstatat": (262, 79),
    "getrandom": (318, 278),
}
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def lock_in(memory_bytes: int, cpu_seconds: int) -> bool:
    """Lock this process in for the rest of its life.

    Returns whether the system call filter holds too. It does not on other systems and where an
    outer container forbids filters; the limits hold there all the same.
    """
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        resource.setrlimit(limit, (value, value))
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ARCHITECTURES:
        return False
    return _filter_calls(*_ARCHITECTURES[machine])


def _filter_calls(column: int, architecture: int) -> bool:
    numbers = [pair[column] for pair in _CALLS.values()]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        # The distance to the last step, which allows, shrinks with every comparison.
        *((_IF_EQUAL, len(numbers) - index, 0, number) for index, number in enumerate(numbers)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.addressof(code))
    control = ctypes.CDLL(None).prctl
    control.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if control(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    where = ctypes.addressof(program)
    return bool(control(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, where, 0, 0) == 0)
