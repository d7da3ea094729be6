"""What this process counts of its requests, and what the database knows: numbers for Prometheus.

A registry for each application, so that two in one process do not mix. Labels are names of routes,
methods, states and duties: closed lists, never an address, an agency or a person. The page that
shows the numbers is ``web.metrics``.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import anyio
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from kursdocs.core.checks import CheckRun, Health
from kursdocs.core.documents.counting import AGES_DAYS
from kursdocs.core.errors import Unavailable
from kursdocs.operations import measuring
from kursdocs.operations.fsck import Damage
from kursdocs.operations.measuring import Numbers, Scanned
from kursdocs.services import Services
from kursdocs.web.multipart import ByteBudget

# However many ask, the database is asked this seldom.
FRESH_SECONDS = 10.0

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600)


class Measures:
    """Counts of one application. Safe to use from many threads."""

    def __init__(self, services: Services) -> None:
        """Asks nobody yet."""
        # They would double the number of series to no use. The library leaves this untyped.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "kursdocs_http_request_seconds",
            "Time from the first byte of a request to the last byte of its answer.",
            ["route", "method", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._running = Gauge(
            "kursdocs_http_requests_running",
            "Requests that are being received or answered now.",
            ["route"],
            registry=self.registry,
        )
        self.registry.register(_Installation(services))
        self.registry.register(_Connections(services))
        ProcessCollector(registry=self.registry)

    def watch(
        self,
        uploads: anyio.CapacityLimiter,
        downloads: anyio.CapacityLimiter,
        budget: ByteBudget,
    ) -> None:
        """Tell of the places for uploads and downloads, and of the bytes held in memory."""
        used = Gauge("kursdocs_places_used", "Threads at work.", ["work"], registry=self.registry)
        limit = Gauge(
            "kursdocs_places_limit", "Threads there may be.", ["work"], registry=self.registry
        )
        for work, limiter in (("uploads", uploads), ("downloads", downloads)):
            used.labels(work).set_function(_borrowed(limiter))
            limit.labels(work).set(limiter.total_tokens)
        Gauge(
            "kursdocs_body_bytes_used", "Bytes of bodies in memory.", registry=self.registry
        ).set_function(lambda: budget.used)
        Gauge("kursdocs_body_bytes_limit", "Bytes of bodies allowed.", registry=self.registry).set(
            budget.limit
        )

    @contextmanager
    def running(self, route: str) -> Iterator[None]:
        """Count a request of this route as running while the block lasts."""
        gauge = self._running.labels(route)
        with gauge.track_inprogress():
            yield

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request; status 0 is one whose client left before the answer."""
        status_class = f"{status // 100}xx" if status else "none"
        self._seconds.labels(route, method, status_class).observe(seconds)

    def text(self) -> bytes:
        """All numbers in Prometheus' text format; asks the database when it is time."""
        return generate_latest(self.registry)


def _borrowed(limiter: anyio.CapacityLimiter) -> Callable[[], float]:
    return lambda: limiter.borrowed_tokens


class _Connections(Collector):
    """The database's connections in this process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        pool = self._services.database.pool()
        name, what = "kursdocs_database_connections", "Connections to the database."
        family = GaugeMetricFamily(name, what, labels=["state"])
        family.add_metric(["in_use"], pool.in_use)
        family.add_metric(["open"], pool.open)
        family.add_metric(["limit"], pool.limit)
        yield family


class _Installation(Collector):
    """What the database knows of the whole installation: every process tells the same."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._numbers: Numbers | None = None
        self._asked_at = -FRESH_SECONDS

    def collect(self) -> Iterator[Metric]:
        numbers = self._latest()
        yield GaugeMetricFamily(
            "kursdocs_database_up", "Whether the database answers.", value=numbers is not None
        )
        if numbers is not None:
            yield from _documents(numbers)
            yield from _mails(numbers)
            yield from _duties(numbers)
            yield from _check(numbers.check)
            yield _backup(numbers.backed_up_at)

    def _latest(self) -> Numbers | None:
        with self._lock:
            if time.monotonic() - self._asked_at >= FRESH_SECONDS:
                try:
                    self._numbers = measuring.take(self._services)
                except Unavailable:
                    self._numbers = None
                self._asked_at = time.monotonic()
            return self._numbers


def _documents(numbers: Numbers) -> Iterator[Metric]:
    documents = GaugeMetricFamily("kursdocs_documents", "Documents by state.", labels=["state"])
    for state, count in numbers.documents.items():
        documents.add_metric([state], count)
    yield documents
    untouched = GaugeMetricFamily(
        "kursdocs_deliveries_untouched",
        "Deliveries that nobody took over or returned, by age in days.",
        labels=["age_days"],
    )
    starts, ends = (0, *AGES_DAYS), (*AGES_DAYS, None)
    for start, end, count in zip(starts, ends, numbers.untouched, strict=True):
        untouched.add_metric([f"{start}+" if end is None else f"{start}-{end}"], count)
    yield untouched
    yield GaugeMetricFamily(
        "kursdocs_documents_unscanned",
        "Documents that wait for the malware scanner.",
        value=numbers.unscanned.count,
    )
    yield GaugeMetricFamily(
        "kursdocs_documents_unscanned_oldest_seconds",
        "How long the oldest of them has waited.",
        value=_age(numbers, numbers.unscanned.since),
    )
    yield from _scanner(numbers.scanner)


def _scanner(found: Scanned) -> Iterator[Metric]:
    """Nothing where nobody scans by choice."""
    if found.is_there is None:
        return
    yield GaugeMetricFamily(
        "kursdocs_scanner_up", "Whether the malware scanner answers.", value=found.is_there
    )
    if not found.is_there:
        return
    if found.signatures_at is not None:
        yield GaugeMetricFamily(
            "kursdocs_scanner_signatures_timestamp_seconds",
            "When its signatures were made.",
            value=found.signatures_at.timestamp(),
        )
    yield GaugeMetricFamily(
        "kursdocs_documents_outdated",
        "Documents that were found clean with other signatures than the scanner has now.",
        value=found.outdated,
    )
    yield GaugeMetricFamily(
        "kursdocs_documents_doubtful",
        "Documents that the scanner could not judge with the signatures it has now.",
        value=found.doubtful,
    )


def _mails(numbers: Numbers) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "kursdocs_mails_waiting", "Mails that are to go out.", value=numbers.mails_waiting
    )
    yield GaugeMetricFamily(
        "kursdocs_mail_addresses_unreached",
        "Addresses that their last mail did not reach.",
        value=numbers.addresses_unreached,
    )
    yield GaugeMetricFamily(
        "kursdocs_mails_returned",
        "Mails that came back in the last 14 days.",
        value=numbers.mails_returned,
    )
    yield GaugeMetricFamily(
        "kursdocs_mails_waiting_oldest_seconds",
        "How long the oldest waiting mail has waited.",
        value=_age(numbers, numbers.oldest_mail_at),
    )


def _duties(numbers: Numbers) -> Iterator[Metric]:
    """Counted in the database by whichever worker did them, so that any process can tell."""
    runs = CounterMetricFamily("kursdocs_duty_runs", "Runs by duty.", labels=["duty"])
    failures = CounterMetricFamily(
        "kursdocs_duty_failures", "Runs that failed, by duty.", labels=["duty"]
    )
    success = GaugeMetricFamily(
        "kursdocs_duty_last_success_timestamp_seconds",
        "When a duty last ran to its end (Unix time); 0 when it never did.",
        labels=["duty"],
    )
    for beat in numbers.duties:
        runs.add_metric([beat.duty], beat.runs)
        failures.add_metric([beat.duty], beat.failures)
        success.add_metric([beat.duty], beat.beaten_at.timestamp() if beat.beaten_at else 0)
    yield from (runs, failures, success)


def _check(check: CheckRun | None) -> Iterator[Metric]:
    """The newest check of rows, keys, objects, mails and the log; a zero time before the first."""
    yield GaugeMetricFamily(
        "kursdocs_check_last_timestamp_seconds",
        "When the newest check was begun (Unix time); 0 when there was none.",
        value=check.started_at.timestamp() if check else 0,
    )
    if check is None:
        return
    yield GaugeMetricFamily(
        "kursdocs_check_health",
        "What it came to: 0 clean, 1 repairable, 2 loss.",
        value=list(Health).index(check.verdict),
    )
    yield GaugeMetricFamily(
        "kursdocs_check_seconds",
        "How long it took.",
        value=(check.ended_at - check.started_at).total_seconds(),
    )
    found = GaugeMetricFamily(
        "kursdocs_check_findings", "What it found, by damage.", labels=["damage"]
    )
    for damage in Damage:
        found.add_metric([damage], check.found.get(damage, 0))
    yield found
    looked_at = GaugeMetricFamily(
        "kursdocs_check_looked_at", "How much it looked at, by what.", labels=["what"]
    )
    for what, count in check.looked_at.items():
        looked_at.add_metric([what], count)
    yield looked_at


def _backup(backed_up_at: datetime | None) -> Metric:
    return GaugeMetricFamily(
        "kursdocs_backup_last_timestamp_seconds",
        "Of which moment the newest copy of everything is (Unix time); 0 when there is none.",
        value=backed_up_at.timestamp() if backed_up_at else 0,
    )


def _age(numbers: Numbers, since: datetime | None) -> float:
    return max(0.0, (numbers.taken_at - since).total_seconds()) if since else 0.0
