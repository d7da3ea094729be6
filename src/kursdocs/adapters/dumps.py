"""Databases as a whole, for backups: SQLite by its own backup, PostgreSQL by pg_dump.

A dump is of one moment; PostgreSQL's shares its snapshot with the session that reads beside it. The
mark of the schema's revision can be left out: until it is set again (``database.show``), no program
takes the restored database for one that is ready. Entry point: :func:`open_dump`.
"""

import contextlib
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from io import RawIOBase
from pathlib import Path
from typing import IO, Any, BinaryIO, cast
from urllib.parse import quote

import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from kursdocs.core import scopes
from kursdocs.core.backups import BackupRefused, Dump

_CHUNK = 1 << 20
_LEFT = ".backup-"
_RESTORED = ".restoring"
_DEBIAN = Path("/usr/lib/postgresql")


def open_dump(url: sa.URL, *, version_table: str = "") -> Dump:
    """The database of a URL that was checked.

    Of a ``version_table`` the rows are left out; what stood there is the dump's ``revision``.
    """
    if url.get_backend_name() == "sqlite":
        return SqliteDump(Path(url.database or "").absolute(), version_table)
    return PostgresDump(url, version_table)


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────


class SqliteDump:
    """A file. Dumps are files too; the copy that they are read from has no name on the disk."""

    kind = "sqlite"

    def __init__(self, path: Path, version_table: str) -> None:
        self._path = path
        self._version_table = version_table

    @contextlib.contextmanager
    def frozen(self) -> Iterator["_FrozenFile"]:
        """Copy the file in one step, which waits for nobody and holds up nobody."""
        for left in self._path.parent.glob(f"{self._path.name}{_LEFT}*"):
            left.unlink()
        if not self._path.exists():
            raise BackupRefused(f"There is no database {self._path}.")
        copy = self._path.with_name(f"{self._path.name}{_LEFT}{secrets.token_hex(4)}")
        handle = os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with _sqlite_errors(), _nameless(self._path, copy, handle) as connection:
                engine = sa.create_engine(
                    "sqlite://", creator=lambda: connection, poolclass=sa.StaticPool
                )
                with Session(engine) as session:
                    revision = _revision(session, self._version_table)
                    if self._version_table:
                        session.execute(sa.delete(sa.table(self._version_table)))
                        session.commit()
                    yield _FrozenFile(session, revision, handle)
        finally:
            copy.unlink(missing_ok=True)
            os.close(handle)

    def is_empty(self) -> bool:
        """Whether there is no file, or one without a byte."""
        return not self._path.exists() or self._path.stat().st_size == 0

    @contextlib.contextmanager
    def filling(self) -> Iterator[BinaryIO]:
        """Write beside, check, and rename."""
        begun = self._path.with_name(self._path.name + _RESTORED)
        try:
            begun.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with open(os.open(begun, flags, 0o600), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with _sqlite_errors():
                _check_whole(begun)
            begun.rename(self._path)
        except OSError as error:
            raise BackupRefused(f"{self._path} cannot be written: {error.strerror}.") from error
        finally:
            begun.unlink(missing_ok=True)

    def rows(self) -> Mapping[str, int]:
        """How many rows each table has now."""
        with _sqlite_errors(), contextlib.closing(_connect(self._path)) as connection:
            engine = sa.create_engine(
                "sqlite://", creator=lambda: connection, poolclass=sa.StaticPool
            )
            with Session(engine) as session:
                return _counted(session)


class _FrozenFile:
    def __init__(self, session: Session, revision: str, handle: int) -> None:
        self.session, self.revision = session, revision
        self._handle = handle

    def rows(self) -> Mapping[str, int]:
        return _counted(self.session)

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        self.session.commit()
        with os.fdopen(os.dup(self._handle), "rb") as file:
            file.seek(0)
            yield file


@contextlib.contextmanager
def _nameless(source: Path, copy: Path, handle: int) -> Iterator[sqlite3.Connection]:
    """A connection to a copy of the file, which loses its name before anybody reads it.

    It holds names of people in the clear: a process that is killed must not leave it behind.
    """
    with (
        contextlib.closing(_connect(source)) as live,
        contextlib.closing(_connect(copy)) as target,
    ):
        target.execute("PRAGMA journal_mode = OFF")
        live.backup(target)
    # The copy says of itself that it has a write-ahead log, which a nameless file cannot have.
    os.pwrite(handle, b"\x01\x01", 18)
    with contextlib.closing(_connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        copy.unlink()
        yield connection


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=30, check_same_thread=False)
    connection.isolation_level = None
    return connection


def _check_whole(path: Path) -> None:
    with contextlib.closing(_connect(path)) as connection:
        [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise BackupRefused("The dump of the database is damaged: take another copy.")


@contextlib.contextmanager
def _sqlite_errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise BackupRefused(f"SQLite refuses: {type(error).__name__}.") from error


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────


class PostgresDump:
    """A database of a server; pg_dump and pg_restore are found by the server's version."""

    kind = "postgresql"

    def __init__(self, url: sa.URL, version_table: str) -> None:
        self._url = url
        self._version_table = version_table

    @contextlib.contextmanager
    def frozen(self) -> Iterator["_FrozenServer"]:
        """Hold a snapshot, which pg_dump takes over."""
        with _postgres_errors(), self._connection() as connection:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            _reach_everything(connection)
            snapshot = connection.scalar(sa.text("SELECT pg_export_snapshot()"))
            program = self._program("pg_dump", connection)
            hidden = self._version_table
            left_out = [f"--exclude-table-data=public.{hidden}"] if hidden else []
            command = [
                *(program, "--format=custom", "--no-owner", "--no-privileges", "--no-comments"),
                *("--enable-row-security", f"--snapshot={snapshot}", *left_out),
                f"--dbname={self._conninfo}",
            ]
            checker = [program.replace("pg_dump", "pg_restore"), "--data-only", "--file=-"]
            with Session(connection) as session:
                yield _FrozenServer(session, command, checker, self._environment, hidden)

    def is_empty(self) -> bool:
        """Whether the database has no table of anybody's."""
        with _postgres_errors(), self._connection() as connection:
            return not _tables(connection)

    @contextlib.contextmanager
    def filling(self) -> Iterator[BinaryIO]:
        """pg_restore in one transaction."""
        with _postgres_errors(), self._connection() as connection:
            program = self._program("pg_restore", connection)
        command = [
            *(program, "--single-transaction", "--exit-on-error", "--no-owner"),
            *("--no-privileges", f"--dbname={self._conninfo}"),
        ]
        with _running(command, self._environment, stdin=subprocess.PIPE) as child:
            yield cast("BinaryIO", child.process.stdin)

    def rows(self) -> Mapping[str, int]:
        """How many rows each table has now."""
        with _postgres_errors(), self._connection() as connection, Session(connection) as session:
            _reach_everything(connection)
            return _counted(session)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        url = self._url.set(drivername="postgresql+psycopg")
        arguments = {"connect_timeout": 5, "options": "-c timezone=UTC"}
        engine = sa.create_engine(
            url, hide_parameters=True, poolclass=sa.NullPool, connect_args=arguments
        )
        with engine.connect() as connection:
            yield connection

    @property
    def _conninfo(self) -> str:
        """Without the password, which a list of processes would show."""
        url = self._url
        parts: dict[str, Any] = {
            **{name: value for name, value in url.query.items() if name != "password"},
            "host": url.host,
            "port": url.port,
            "user": url.username,
            "dbname": url.database,
        }
        return make_conninfo(**{name: value for name, value in parts.items() if value})

    @property
    def _environment(self) -> Mapping[str, str]:
        settings = scopes.EVERYTHING.settings.items()
        told = " ".join(f"-c kursdocs.{name}={value}" for name, value in settings if value)
        password = {"PGPASSWORD": str(self._url.password)} if self._url.password else {}
        # What the caller's own environment says of servers is not meant for this one.
        return {"LC_ALL": "C.UTF-8", "PGOPTIONS": told, **password}

    def _program(self, name: str, connection: sa.Connection) -> str:
        """The oldest installed one that understands the server."""
        number = str(connection.scalar(sa.text("SHOW server_version_num")))
        wanted = int(number) // 10_000
        installed = {
            int(path.parts[-3]): path
            for path in _DEBIAN.glob(f"*/bin/{name}")
            if path.parts[-3].isdecimal()
        }
        fitting = [version for version in sorted(installed) if version >= wanted]
        found = str(installed[fitting[0]]) if fitting else shutil.which(name)
        if found is None:
            raise BackupRefused(
                f"{name} is not installed: Debian has it as postgresql-client; the server is of"
                f" version {wanted}, and {name} must not be older."
            )
        return found


class _FrozenServer:
    def __init__(
        self,
        session: Session,
        dump: Sequence[str],
        check: Sequence[str],
        environment: Mapping[str, str],
        version_table: str,
    ) -> None:
        self.session, self.revision = session, _revision(session, version_table)
        self._dump, self._check, self._environment = dump, check, environment
        self._version_table = version_table

    def rows(self) -> Mapping[str, int]:
        hidden = {self._version_table: 0} if self._version_table else {}
        return {**_counted(self.session), **hidden}

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """What pg_dump says, while a second program counts the rows in it."""
        pipe = subprocess.PIPE
        with (
            _running(self._dump, self._environment, stdout=pipe) as dump,
            _running(self._check, self._environment, stdin=pipe, stdout=pipe) as check,
        ):
            counting = _Counting(check.process)
            yield cast("BinaryIO", _Tee(dump.process, check.process))
            check.end_input()
            counting.join()
        expected = {name: count for name, count in self.rows().items() if count}
        if counting.rows != expected:
            raise BackupRefused(
                "The dump does not hold every row of the database: the role it is made with may"
                " not read them all. Nothing was backed up."
            )


class _Tee(RawIOBase):
    """Reads from one program and passes all of it to another."""

    def __init__(self, source: subprocess.Popen[bytes], copy: subprocess.Popen[bytes]) -> None:
        self._source, self._copy = cast("IO[bytes]", source.stdout), copy

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # as it is called
        data = self._source.read(min(len(buffer), _CHUNK))
        with contextlib.suppress(BrokenPipeError):  # its exit code says why
            cast("IO[bytes]", self._copy.stdin).write(data)
        buffer[: len(data)] = data
        return len(data)


_COPY = re.compile(rb'COPY public\."?([a-z_]+)"? \(.*\) FROM stdin;\n')


class _Counting(threading.Thread):
    """Counts the rows of each table in what pg_restore writes as SQL."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.rows: dict[str, int] = {}
        self._lines = cast("IO[bytes]", program.stdout)
        self.start()

    def run(self) -> None:
        """Until the program has ended."""
        for line in self._lines:
            if found := _COPY.fullmatch(line):
                count = 0
                for row in self._lines:
                    if row == b"\\.\n":
                        break
                    count += 1
                if count:
                    self.rows[found[1].decode("ascii")] = count


class _Child(threading.Thread):
    """A program, and the first of what it complains of; its words name tables, not people."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.text = ""
        self.start()

    def run(self) -> None:
        """Listen until the program has ended."""
        for line in cast("IO[bytes]", self.process.stderr):
            # A line of detail or context can quote a row.
            if b"error: " in line and not self.text:
                self.text = line.decode("utf-8", "replace").strip()

    def end_input(self) -> None:
        """Tell the program that nothing more comes."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # its exit code says why
                self.process.stdin.close()


@contextlib.contextmanager
def _running(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[_Child]:
    """A program, until it has ended well; raises ``BackupRefused`` with its words otherwise.

    When the block fails it is killed before the end of its input, so that it commits nothing.
    """
    child = _Child(
        subprocess.Popen(  # noqa: S603 - a program found by its own name, with fixed words
            list(command), stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=dict(environment)
        )
    )
    try:
        yield child
    except BaseException as error:
        child.process.kill()
        _ended(child)
        if isinstance(error, BackupRefused) and child.text:
            raise BackupRefused(_refusal(command, child)) from error
        raise
    child.end_input()
    if _ended(child):
        raise BackupRefused(_refusal(command, child))


def _ended(child: _Child) -> int:
    code = child.process.wait()
    child.join()
    for pipe in (child.process.stdin, child.process.stdout, child.process.stderr):
        with contextlib.suppress(BrokenPipeError):
            if pipe is not None:
                pipe.close()
    return code


def _refusal(command: Sequence[str], child: _Child) -> str:
    return f"{Path(command[0]).name} refuses: {child.text or 'it was ended'}"


def _reach_everything(connection: sa.Connection) -> None:
    """Row-level security must hide nothing from a copy."""
    for name, value in scopes.EVERYTHING.settings.items():
        connection.execute(sa.select(sa.func.set_config(f"kursdocs.{name}", value, False)))


@contextlib.contextmanager
def _postgres_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        state = getattr(getattr(error, "orig", None), "sqlstate", None)
        raise BackupRefused(f"PostgreSQL refuses: {state or type(error).__name__}.") from error
    except OSError as error:
        raise BackupRefused(f"pg_dump cannot be started: {error.strerror}.") from error


# ── Both ─────────────────────────────────────────────────────────────────────────────────────


def _revision(session: Session, version_table: str) -> str:
    if not version_table:
        return ""
    table = sa.table(version_table, sa.column("version_num"))
    return str(session.scalar(sa.select(table.c.version_num)))


def _tables(connection: sa.Connection) -> Sequence[str]:
    return [name for name in sa.inspect(connection).get_table_names() if name != "sqlite_sequence"]


def _counted(session: Session) -> dict[str, int]:
    connection = session.connection()
    return {
        name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
        for name in sorted(_tables(connection))
    }
