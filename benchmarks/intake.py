"""Measures receiving and handing out on real parts: ``python -m benchmarks.intake [SECONDS]``.

Uploads go through ``operations.intake.store`` (without HTTP) with 1 and with 8 threads, downloads
and page images through ``operations.handout``. Embedded first, then PostgreSQL and SeaweedFS, both
started for it and stopped afterwards. Prints one table; see ``README.md`` for numbers.
"""

import hashlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from PIL import Image
from pydantic import SecretStr
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from tests.operations.house import Clock, House, make_settings, settled
from tests.servers import running_postgres, running_seaweedfs

from kursdocs import bootstrap
from kursdocs.operations import handout
from kursdocs.settings import Settings

PIXELS = 230


def paper_of_a_scanner(number: int) -> bytes:
    """A PDF of about 200 KiB: one page with one picture that cannot be compressed."""
    noise = hashlib.shake_256(b"%d" % number).digest(3 * PIXELS * PIXELS)
    picture = ImageReader(Image.frombytes("RGB", (PIXELS, PIXELS), noise))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    canvas.drawImage(picture, 50, 50, 500, 500)
    canvas.save()
    return buffer.getvalue()


def a_second(act: Callable[[int], object], *, threads: int, seconds: float) -> float:
    """How often ``act`` is done in a second when this many threads do nothing else."""
    began = time.perf_counter()

    def work(thread: int) -> int:
        count = 0
        while time.perf_counter() - began < seconds:
            act(thread * 1_000_000 + count)
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(work, range(threads)))
    return done / (time.perf_counter() - began)


def milliseconds(act: Callable[[], object], *, seconds: float) -> tuple[float, float]:
    """Median and 95th percentile of one thread doing it again and again."""
    times: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(times) < 20:
        start = time.perf_counter()
        act()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def measure(name: str, settings: Settings, seconds: float) -> None:
    """One column of the table, as lines."""
    bootstrap.migrate(settings)
    papers = [paper_of_a_scanner(number) for number in range(16)]
    print(f"{name:<24} | KiB of a paper                  | {len(papers[0]) / 1024:8.1f}")
    with settled(settings, Clock()) as house:
        sending = house.sending()

        def upload(number: int) -> UUID:
            return house.send(papers[number % 16], sending=sending).id

        first = upload(0)
        for threads in (1, 8):
            rate = a_second(upload, threads=threads, seconds=seconds)
            print(f"{name:<24} | uploads a second, {threads} thread(s)   | {rate:8.1f}")
        _reading(name, house, first, seconds)


def _reading(name: str, house: House, document_id: UUID, seconds: float) -> None:
    def image() -> bytes:
        return handout.page_image(house.services, house.recipient, document_id, page=1, width=1000)

    for what, act in (("download", lambda: house.read(document_id)), ("page image", image)):
        median, high = milliseconds(act, seconds=seconds)
        print(f"{name:<24} | {what + ', ms: median, 95 %':<31} | {median:8.1f} {high:8.1f}")


@contextmanager
def on_servers(folder: Path) -> Iterator[Settings]:
    """Settings for PostgreSQL and SeaweedFS, while they run."""
    data = folder / "s3"
    data.mkdir()
    with running_postgres() as postgres, running_seaweedfs(data) as s3:
        yield make_settings(
            folder,
            database_url=postgres.new_database(),
            keys_url=postgres.new_database(),
            store_url=s3.bucket_url(s3.new_bucket()),
            s3_access_key=s3.access_key,
            s3_secret_key=SecretStr(s3.secret_key),
        )


def main() -> None:
    """Measure both combinations."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite, folder", make_settings(Path(folder)), seconds)
    with tempfile.TemporaryDirectory() as folder, on_servers(Path(folder)) as settings:
        measure("PostgreSQL, SeaweedFS", settings, seconds)


if __name__ == "__main__":
    main()
