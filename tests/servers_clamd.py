"""A real ``clamd`` for the tests, with two signatures of its own instead of ClamAV's database.

:func:`running_clamd` is a context manager: on entry the daemon answers on a socket in the folder,
on exit no process of it is left. Knows nothing of kursdocs.
"""

import contextlib
import hashlib
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import free_port, start_process, stop_process, wait_until_ready

STREAM_MEGABYTES = 40

# In two parts, so that no scanner takes this file for the thing itself.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD" + rb"-ANTIVIRUS-TEST-FILE!$H+H*"


def clamd_binary() -> Path | None:
    """Where the daemon lies (Debian: clamav-daemon), if it is installed."""
    found = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


@dataclass
class ClamdServer:
    """A clamd of our own; ``address`` and ``tcp_address`` as the setting takes them."""

    folder: Path
    port: int = field(default_factory=free_port)
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
            with socket.create_connection(("127.0.0.1", self.port), 1) as line:
                line.sendall(b"zPING\0")
                return line.recv(5) == b"PONG\0"
        except OSError:
            return False

    def _configuration(self) -> Path:
        signatures = self.folder / "signatures"
        signatures.mkdir(exist_ok=True)
        (signatures / "kd.ndb").write_text(f"Kursdocs.Eicar-Test:0:*:{EICAR.hex()}\n")
        digest = hashlib.sha256(EICAR).hexdigest()
        (signatures / "kd.hsb").write_text(f"{digest}:{len(EICAR)}:Kursdocs.Eicar-Hash\n")
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
def running_clamd(folder: Path) -> Iterator[ClamdServer]:
    """A clamd that keeps its socket, signatures and log in ``folder``."""
    server = ClamdServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
