"""A real ``clamd`` for the tests, with a few signatures of its own instead of ClamAV's database.

:func:`running_clamd` is a context manager: on entry the daemon answers on a socket in the folder,
on exit no process of it is left; :func:`clamd_for_tests` makes the folder too. Knows nothing of
kursdocs.
"""

import contextlib
import hashlib
import io
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import leave_out
from tests.servers import free_port, start_process, stop_process, wait_until_ready

STREAM_MEGABYTES = 40

# In two parts, so that no scanner takes this file for the thing itself.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD" + rb"-ANTIVIRUS-TEST-FILE!$H+H*"


def clamd_binary() -> Path | None:
    """Where the daemon lies (Debian: clamav-daemon), if it is installed."""
    found = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


_LOADED = "Activating the newly loaded database"


@dataclass
class ClamdServer:
    """A clamd of our own; ``address`` and ``tcp_address`` as the setting takes them."""

    folder: Path
    port: int = field(default_factory=free_port)
    version: int = 1
    made_at: datetime = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
    found: tuple[bytes, ...] = (EICAR,)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """By the local socket."""
        return f"unix:{self.folder / 'clamd.ctl'}"

    @property
    def tcp_address(self) -> str:
        """By the network, on the loopback."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        binary = clamd_binary()
        assert binary is not None, "clamd is not installed"
        log = self.folder / "clamd.log"
        self.process = start_process([binary, "-c", self._configuration()], log=log)
        wait_until_ready(self.process, self._answers, log=log)

    def stop(self) -> None:
        """End it; its socket may stay behind, as after a crash."""
        if self.process is not None:
            stop_process(self.process)
            self.process = None

    def learn(self, *found: bytes, made_at: datetime | None = None) -> None:
        """Let it load newer signatures while it runs, which find these bytes as well."""
        self.version += 1
        self.made_at = made_at or self.made_at
        self.found += found
        self._write_signatures()
        assert self._told(b"zRELOAD\0") == b"RELOADING\0"
        expected, deadline = f"/{self.version}/".encode(), time.monotonic() + 20
        while expected not in self._told(b"zVERSION\0"):
            assert time.monotonic() < deadline, "clamd does not load its signatures"
            time.sleep(0.02)

    def add_own(self, found: bytes) -> None:
        """Let it load a set of somebody's own while it runs; it says so in its log alone."""
        log = self.folder / "clamd.log"
        loaded = log.read_text().count(_LOADED)
        own = self.folder / "signatures" / "own.ndb"
        own.write_text(f"Kursdocs.Own:0:*:{found.hex()}\n")
        assert self._told(b"zRELOAD\0") == b"RELOADING\0"
        deadline = time.monotonic() + 20
        while log.read_text().count(_LOADED) == loaded:
            assert time.monotonic() < deadline, "clamd does not load its signatures"
            time.sleep(0.02)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it accept connections but answer nothing for a while."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return self._told(b"zPING\0") == b"PONG\0"
        except OSError:
            return False

    def _told(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), 1) as line:
            line.sendall(command)
            return line.recv(200)

    def _write_signatures(self) -> None:
        """As a daily set that nobody signed: only of that one does clamd tell version and age."""
        signatures = self.folder / "signatures"
        signatures.mkdir(exist_ok=True)
        lines = (f"Kursdocs.Test-{n}:0:*:{data.hex()}\n" for n, data in enumerate(self.found))
        listed = "".join(lines).encode()
        made = self.made_at.strftime("%d %b %Y %H-%M +0000")
        seconds = int(self.made_at.timestamp())
        head = f"ClamAV-VDB:{made}:{self.version}:{len(self.found)}:90:x:x:kursdocs:{seconds}"
        info = f"{head}\ndaily.ndb:{len(listed)}:{hashlib.sha256(listed).hexdigest()}\n".encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, data in (("daily.info", info), ("daily.ndb", listed)):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        written = signatures / "daily.new"
        written.write_bytes(head.encode().ljust(512) + packed.getvalue())
        written.rename(signatures / "daily.cud")

    def _configuration(self) -> Path:
        self._write_signatures()
        file = self.folder / "clamd.conf"
        file.write_text(_CONFIGURATION.format(server=self, megabytes=STREAM_MEGABYTES))
        return file


_CONFIGURATION = """\
Foreground yes
LocalSocket {server.folder}/clamd.ctl
FixStaleSocket yes
TCPSocket {server.port}
TCPAddr 127.0.0.1
DatabaseDirectory {server.folder}/signatures
TemporaryDirectory {server.folder}
StreamMaxLength {megabytes}M
MaxFileSize {megabytes}M
MaxScanSize 200M
MaxScanTime 20000
AlertExceedsMax yes
AlertEncrypted yes
AlertOLE2Macros yes
AlertBrokenMedia yes
SelfCheck 0
"""


@contextlib.contextmanager
def running_clamd(folder: Path, *, made_at: datetime | None = None) -> Iterator[ClamdServer]:
    """A clamd that keeps its socket, signatures (made then) and log in ``folder``."""
    server = ClamdServer(folder)
    server.made_at = made_at or server.made_at
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def clamd_for_tests() -> Iterator[ClamdServer]:
    """The same in a folder of its own; whoever has no clamd leaves the test out."""
    if clamd_binary() is None:
        leave_out("ClamAV is not installed (Debian: clamav-daemon)")
    # Not in pytest's folder: the path of a local socket may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="kd-clamd-") as folder:
        Path(folder).chmod(0o755)
        with running_clamd(Path(folder)) as server:
            yield server
