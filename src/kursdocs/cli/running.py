"""Running it: serve, worker, demo."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import structlog
import typer
import uvicorn

from kursdocs import bootstrap, worker
from kursdocs.adapters.log_key import LogKey
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.cli.auditing import log_name
from kursdocs.demo import town
from kursdocs.operations import starting
from kursdocs.services import Services
from kursdocs.settings import Settings, SettingsError, load

app = typer.Typer()

Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Host = Annotated[str, typer.Option(help="Address to listen on.")]

Drain = Annotated[
    int,
    typer.Option(
        "--drain",
        help="Seconds between the request to end and the end of listening, in which /readyz says"
        " 503, so that a load balancer can turn away first.",
        min=0,
        max=60,
    ),
]

DespiteMissingKeys = Annotated[
    bool,
    typer.Option(
        "--despite-missing-keys",
        help="Start although many papers have no key: only when these keys are lost for good.",
    ),
]

DespiteMissingPapers = Annotated[
    bool,
    typer.Option(
        "--despite-missing-papers",
        help="Start although the database is older than the key store: only when the newer one is"
        " lost for good.",
    ),
]

# How long what has begun may take after listening has ended; then it is cut off.
GRACE_SECONDS = 30
_LOOK_SECONDS = 0.2


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    with_worker: Annotated[
        bool | None,
        typer.Option(
            "--worker/--no-worker",
            help="Do the recurring duties in this process too (default: only with SQLite).",
        ),
    ] = None,
    drain_seconds: Drain = 0,
    despite_missing_keys: DespiteMissingKeys = False,
    despite_missing_papers: DespiteMissingPapers = False,
) -> None:
    """Serve pages and API. SIGTERM ends it when what has begun is done."""
    settings = load()
    if with_worker is None:
        with_worker = settings.database_url.startswith("sqlite")
    with bootstrap.alone(settings), _listen(host, port) as listener:
        bootstrap.migrate(settings)
        with bootstrap.open_services(settings) as services:
            _require_both(services, keys=not despite_missing_keys, rows=not despite_missing_papers)
            _tell_of_missing_lock(services)
            log = structlog.get_logger()
            log.info("serve.started", url=settings.public_url, port=port, duties=with_worker)
            _serve(services, listener, with_worker=with_worker, drain_seconds=drain_seconds)
            log.info("serve.ended")


def _require_both(services: Services, *, keys: bool, rows: bool) -> None:
    if keys:
        starting.require_keys(services)
    if rows:
        starting.require_rows(services)


def _tell_of_missing_lock(services: Services) -> None:
    """Loud, but no reason not to start: the conditions of our queries hold all the same."""
    if problem := services.database.missing_lock():
        structlog.get_logger().warning("database.second_lock_missing", problem=problem)


class _Server(uvicorn.Server):
    """uvicorn, which tells ``stopping`` when it is asked to end, and listens a little longer."""

    def __init__(
        self, config: uvicorn.Config, stopping: threading.Event, drain_seconds: float
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._drain_seconds = drain_seconds
        self._ends_at = float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came; a second one means at once."""
        if self._stopping.is_set() or not self._drain_seconds:
            super().handle_exit(sig, frame)
        else:
            self._ends_at = time.monotonic() + self._drain_seconds
        self._stopping.set()

    async def on_tick(self, counter: int) -> bool:
        """Whether to end now; asked ten times a second."""
        return await super().on_tick(counter) or time.monotonic() >= self._ends_at


def _serve(
    services: Services, listener: socket.socket, *, with_worker: bool, drain_seconds: int = 0
) -> None:
    stopping = threading.Event()
    application = bootstrap.open_application(
        services, bind_host=listener.getsockname()[0], is_stopping=stopping.is_set
    )
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,  # the application reads them itself
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
    )
    # One event for both: the worker begins nothing more while requests are still finished.
    with _worker_beside(services, stopping) if with_worker else nullcontext():
        # The server ends gracefully and then raises the signal again; what is below must follow.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        _Server(config, stopping, drain_seconds).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket; taken early, so that a port in use is one clear message."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host} port {port}: {error.strerror}") from error


@contextmanager
def _worker_beside(services: Services, stop: threading.Event) -> Iterator[threading.Thread]:
    """The worker in a thread of its own, ended with ``stop`` or with the block.

    A duty that takes longer than the grace is cut off with the process, as by a crash: leases end
    by themselves, and what was half done is found by the sweeper.
    """
    work = partial(worker.run, services, stop, is_demo=services.settings.demo)
    thread = threading.Thread(target=work, name="worker", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(GRACE_SECONDS)
        if thread.is_alive():
            structlog.get_logger().warning("worker.cut_off")


@app.command("worker")
def work(
    despite_missing_keys: DespiteMissingKeys = False,
    despite_missing_papers: DespiteMissingPapers = False,
) -> None:
    """Do the recurring duties: mails, sweeping. Any number may run beside PostgreSQL.

    SIGTERM ends it after the duty that it is at.
    """
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    settings = load()
    with bootstrap.alone(settings), bootstrap.open_services(settings) as services:
        _require_both(services, keys=not despite_missing_keys, rows=not despite_missing_papers)
        _tell_of_missing_lock(services)
        log = structlog.get_logger()
        log.info("worker.started")
        # Not in this thread: a signal's handler that sets an event must not interrupt one who
        # waits for it, because both take the same lock.
        with _worker_beside(services, stop) as thread:
            while thread.is_alive() and not stop.is_set():
                time.sleep(_LOOK_SECONDS)
        log.info("worker.ended")


@app.command()
def demo(
    port: Port = 8000,
    var: Annotated[Path, typer.Option(help="Folder for all data of the demo.")] = Path("var"),
) -> None:
    """Serve a demo on this machine: invented people, embedded database, stores and mailbox."""
    var = var.resolve()
    var.mkdir(parents=True, exist_ok=True)
    load(**town.settings_for(var, port))  # refuses what does not fit, before anything is made
    if not town.log_key_of(var).exists():
        LogKey.create(town.log_key_of(var), log_name(f"http://127.0.0.1:{port}"))
    settings = load(**town.settings_for(var, port))
    if not settings.master_key_file.exists():
        MasterKeys.create(settings.master_key_file)
    with bootstrap.alone(settings), _listen("127.0.0.1", port) as listener:
        bootstrap.migrate(settings)
        with bootstrap.open_services(settings) as services:
            town.set_up(services)
            town.ask_samples(services)
            town.write_samples(var / "samples")
            _greet(settings, var)
            _serve(services, listener, with_worker=True)


def _greet(settings: Settings, var: Path) -> None:
    typer.echo(
        f"""
kursdocs runs at {settings.public_url}

  1. Open {settings.public_url} and sign in as Amina Muster (VHS Musterstadt).
  2. "Senden": drop the papers of {var / "samples" / "kurs"} and send them to the two offices.
  3. Sign out, sign in as Jonas Muster (Ausländerbehörde), look at it and take it over.
  4. The mails that went out: {settings.public_url}/demo/mailbox/

Everything lies in {var}. Ctrl-C ends it.
"""
    )
