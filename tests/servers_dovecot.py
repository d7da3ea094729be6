"""A real IMAP server (Dovecot) for the tests: with and without TLS, any number of mailboxes.

:func:`running_dovecot` is a context manager: on entry the server answers on two free ports of the
loopback, on exit no process of it is left. Knows nothing of kursdocs.
"""

import contextlib
import grp
import imaplib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.certificates import CERTIFICATE, KEY, certificate_for
from tests.servers import free_port, start_process, stop_process, wait_until_ready

PASSWORD = "erfunden-7"  # of every mailbox, for the loopback alone


def dovecot_binary() -> Path | None:
    """Where the server lies (Debian: dovecot-imapd), if it is installed."""
    found = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
    # The main program comes with a package of its own, which knows no IMAP.
    return Path(found) if found and Path("/usr/lib/dovecot/imap").exists() else None


@dataclass(frozen=True)
class Mailbox:
    """One account of the server, seen with the eyes of another mail program."""

    server: "DovecotServer"
    user: str

    @property
    def url(self) -> str:
        """Its inbox without TLS, as the program's setting takes it."""
        return self.server.url(self.user)

    def put(self, *messages: bytes, folder: str = "INBOX") -> None:
        """Messages arrive, unread, in this order."""
        with self._opened() as imap:
            for message in messages:
                _well(imap.append(folder, "", "", message))

    def flags(self) -> list[str]:
        """The flags of each message in the inbox, oldest first."""
        with self._opened() as imap:
            _well(imap.select("INBOX", readonly=True))
            _, found = imap.uid("FETCH", "1:*", "(FLAGS)")
        return [line.decode().partition("FLAGS (")[2].partition(")")[0] for line in found if line]

    def mark(self, flag: str) -> None:
        """Somebody marks every message in the inbox."""
        with self._opened() as imap:
            _well(imap.select("INBOX"))
            _well(imap.store("1:*", "+FLAGS", f"({flag})"))

    def make_anew(self, folder: str) -> None:
        """Somebody deletes the folder, if it is there, and makes another of the same name."""
        with self._opened() as imap:
            imap.delete(folder)
            _well(imap.create(folder))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.server.port, timeout=10) as imap:
            imap.login(self.user, PASSWORD)
            yield imap


def _well(answer: tuple[str, Any]) -> None:
    assert answer[0] == "OK", answer


@dataclass
class DovecotServer:
    """A Dovecot of our own with its files in ``folder``, which its user may enter.

    It knows every account, each with the same password; one is made when somebody signs in.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def certificate(self) -> Path:
        """What a client must trust; it is for ``localhost``."""
        return self.folder / CERTIFICATE

    def url(self, user: str, *, tls: str = "off", host: str = "127.0.0.1") -> str:
        """An account's inbox, as the program's setting takes it."""
        port = self.tls_port if tls == "implicit" else self.port
        return f"imap://{user}@{host}:{port}/INBOX?tls={tls}"

    def new_mailbox(self) -> Mailbox:
        """An account that nobody used before; its password is :data:`PASSWORD`."""
        return Mailbox(self, f"bounces-{secrets.token_hex(6)}")

    def start(self) -> None:
        """Start it and wait until it answers; with what it had."""
        binary = dovecot_binary()
        assert binary is not None, "dovecot is not installed"
        log = self.folder / "dovecot.log"
        log.touch()
        self._hand_over(log)
        command: list[str | Path] = [binary, "-F", "-c", self._configuration()]
        user = _user().pw_name if os.geteuid() == 0 else None
        self.process = start_process(command, log=log, user=user)
        wait_until_ready(self.process, self._answers, log=log)

    def stop(self) -> None:
        """End it, with every line to it."""
        if self.process is not None:
            stop_process(self.process)
            self.process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as line:
                return line.recv(4) == b"* OK"
        except OSError:
            return False

    def _hand_over(self, path: Path) -> None:
        os.chown(path, _user().pw_uid, _user().pw_gid)

    def _configuration(self) -> Path:
        certificate_for("localhost", self.folder)
        self._hand_over(self.folder / CERTIFICATE)
        self._hand_over(self.folder / KEY)
        user = _user()
        file = self.folder / "dovecot.conf"
        group = grp.getgrgid(user.pw_gid).gr_name
        file.write_text(_CONFIGURATION.format(server=self, user=user, group=group, **_NAMES))
        return file


def _user() -> pwd.struct_passwd:
    """Whom to run it as: not as root, so that one configuration fits everybody."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


_NAMES = {"password": PASSWORD, "certificate": CERTIFICATE, "key": KEY}
# The roots are left where they are: only root may change them for its children. Nobody waits
# because somebody else gave a wrong password.
_CONFIGURATION = """\
base_dir = {server.folder}/run
state_dir = {server.folder}/state
log_path = {server.folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user.pw_name}
default_internal_group = {group}
default_login_user = {user.pw_name}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{server.folder}/{certificate}
ssl_key = <{server.folder}/{key}
disable_plaintext_auth = no
auth_failure_delay = 0
mail_fsync = never
mail_location = maildir:~/mail
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user.pw_uid} gid={user.pw_gid} home={server.folder}/accounts/%u
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {server.port}
  }}
  inet_listener imaps {{
    port = {server.tls_port}
    ssl = yes
  }}
}}
"""


@contextlib.contextmanager
def running_dovecot() -> Iterator[DovecotServer]:
    """A Dovecot without mail, in a folder that its user may enter and whose name is short."""
    folder = Path(tempfile.mkdtemp(prefix="kd-imap-"))
    os.chown(folder, _user().pw_uid, _user().pw_gid)
    server = DovecotServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
