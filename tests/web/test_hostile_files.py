"""Hostile files through the front door: refused, or harmless, and the service goes on."""

import io
import os
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from tests.adapters import paper_corpus
from tests.adapters.paper_corpus import Build
from tests.adapters.paper_hostile import BOMBS, DISARMED, HIDDEN, PAYLOAD
from tests.web.house import VHS, House, sending_fields, the_file

MEGABYTE = 1024 * 1024
ANSWER_SECONDS_MAX = 15.0  # measured: below 1; a busy machine gets its time

EIGHT_BOMBS: Mapping[str, Build] = {
    "Flate bomb": paper_corpus.flate_bomb,
    "Flate bomb in two layers": lambda: paper_corpus.flate_bomb(2),
    "object stream bomb": paper_corpus.HOSTILE["object stream bomb"][0],
    "PNG of 900 megapixels": paper_corpus.png_bomb,
    "JPEG 2000 that lies": BOMBS["JPEG 2000 that lies about its size"][0],
    "PNG with a text of 300 MB": BOMBS["PNG with a text of 300 MB"][0],
    "drawings in drawings": BOMBS["drawings in drawings, a milliard"][0],
    "dictionaries in dictionaries": BOMBS["dictionaries nested 100,000 deep"][0],
}


def resident_bytes() -> int:
    """What this process, in which the service runs, holds in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_eight_bombs_neither_stop_nor_swell_the_service(house: House) -> None:
    client = house.service(VHS)
    files = {name: build() for name, build in EIGHT_BOMBS.items()}
    before, objects = resident_bytes(), house.objects()

    for name, data in files.items():
        started = time.monotonic()
        answer = client.post("/api/v1/documents", data=sending_fields(), files=the_file(data))
        assert answer.status_code == 422, name
        assert time.monotonic() - started < ANSWER_SECONDS_MAX, name

    assert resident_bytes() - before < 50 * MEGABYTE
    assert house.objects() == objects
    assert client.post("/api/v1/documents", data=sending_fields(), files=the_file()).is_success


@pytest.mark.parametrize(
    "name",
    [
        "web page behind a jump on opening",
        "script taken back by an update",
        "inner file that nothing refers to",
        "program for printers",
        "link that starts a program",
        "PDF and ZIP",
    ],
)
def test_what_hides_is_not_stored(house: House, name: str) -> None:
    objects = house.objects()

    answer = house.service(VHS).post(
        "/api/v1/documents", data=sending_fields(), files=the_file(HIDDEN[name][0]())
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "file_active")
    assert house.objects() == objects


@pytest.mark.parametrize("name", ["JPEG and web page in its comment", "PNG and ZIP"])
def test_of_a_disguised_picture_only_pixels_are_handed_out(house: House, name: str) -> None:
    """The page is a picture of its own; the PDF comes as a download, never to be guessed at."""
    clerk = house.newly("amina.muster")
    sent = clerk.send(files=the_file(DISARMED[name]()))
    path = urlsplit(sent.headers["location"]).path.removesuffix("/receipt")

    page, whole = clerk.get(f"{path}/pages/1"), clerk.get(f"{path}/content")

    assert page.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(page.content), formats=("PNG",)).width > 1
    assert whole.headers["content-type"] == "application/pdf"
    assert whole.headers["content-disposition"].startswith("attachment")
    for answer in (page, whole):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        for trace in (PAYLOAD, b"<script", b"PK\x03\x04"):
            assert trace not in answer.content
