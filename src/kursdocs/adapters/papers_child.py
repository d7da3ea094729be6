"""The program that opens files of strangers, one job after the other, inside a cage.

Started by ``papers.SandboxedPapers`` as ``python -I -m kursdocs.adapters.papers_child``, with
the limits as arguments. It hears jobs on stdin and answers on stdout (``papers_wire``), and it
imports nothing of the service: no settings, no ports. It ends when the service hangs up, after
its number of jobs, or after a job went wrong in a way that nobody planned.
"""

import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import BinaryIO

import pikepdf
from PIL import ExifTags, Image

from kursdocs.adapters import (
    papers_cage,
    papers_pages,
    papers_pdf,
    papers_pictures,
    papers_text,
    papers_wire,
)
from kursdocs.adapters.papers_pdf import Refusal

_JPEG_MAGIC = b"\xff\xd8\xff"
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PDF_MAGIC = b"%PDF-"

_Answer = tuple[dict[str, object], bytes]


def main() -> None:
    """Warm up, lock the door from inside, then work until nobody asks any more."""
    memory_bytes, job_seconds, jobs_max, body_bytes_max = map(int, sys.argv[1:5])
    source, sink = _own_pipes()
    papers_pdf.bound_parser()
    _warm_up()
    caged = papers_cage.lock_in(memory_bytes, job_seconds * jobs_max)
    papers_wire.write(sink, {"ready": True, "caged": caged})
    for jobs_left in reversed(range(jobs_max)):
        message = papers_wire.read(source, body_bytes_max)
        if message is None:
            return
        # Should the service die meanwhile, nobody else would stop a job without end.
        signal.setitimer(signal.ITIMER_REAL, job_seconds + 1)
        head, body = _answer(*message)
        signal.setitimer(signal.ITIMER_REAL, 0)
        is_last = jobs_left == 0 or "broken" in head
        papers_wire.write(sink, {**head, "last": is_last}, body)
        if is_last:
            return


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and a private copy of stdout; what a library prints must not look like an answer."""
    sink = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return os.fdopen(0, "rb", closefd=False), sink


def _warm_up() -> None:
    """Load everything that libraries load late; behind the closed door they could not."""
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    for image_format, mode in (("PNG", "RGBA"), ("JPEG", "RGB")):
        drawn = io.BytesIO()
        Image.new(mode, (20, 30), "orange").save(drawn, image_format, exif=turned)
        pdf = papers_pictures.bind([drawn.getvalue()])
        papers_pdf.examine(pdf)
        papers_pictures.page_image(pdf, 1, papers_pictures.PAGE_WIDTH_PIXELS_MIN)
        papers_text.lines(papers_pages.arranged([pdf, pdf], [(1, 1, 90), (0, 1, 0)]))
    with pikepdf.new() as locked:  # qpdf's cryptography looks for the system's random numbers
        locked.add_blank_page()
        locked.save(io.BytesIO(), encryption=pikepdf.Encryption(owner="warm", user="up"))


def _answer(head: papers_wire.Head, body: bytes) -> _Answer:
    try:
        if head["job"] == "page_image":
            return {}, papers_pictures.page_image(body, _int(head["page"]), _int(head["width"]))
        if head["job"] == "lines":
            return {}, papers_text.lines(papers_pages.with_fields_drawn(body)).encode()
        files = papers_wire.split(body, _sizes(head))
        return _arrange(files, head["pages"]) if head["job"] == "arrange" else _accept(files)
    except Refusal as refusal:
        return {"refused": refusal.code, "details": refusal.details}, b""
    except MemoryError:
        return {"refused": "file_too_big_inside", "broken": True}, b""
    except Exception as error:  # noqa: BLE001 - whatever a parser throws, the file is to blame
        return {"refused": "file_damaged", "broken": type(error).__name__}, b""


def _accept(files: Sequence[bytes]) -> _Answer:
    if any(not data for data in files):
        raise Refusal("file_empty")
    are_pdfs = [_is_pdf(data) for data in files]
    if are_pdfs == [True]:
        findings, body = papers_pdf.examine(files[0]), b""
    elif any(are_pdfs):
        raise Refusal("files_mixed")
    else:
        body = papers_pictures.bind(files)
        findings = papers_pdf.examine(body)
    return {"pages": findings.page_count, "signed": findings.is_signed}, body


def _arrange(files: Sequence[bytes], pages: object) -> _Answer:
    if not isinstance(pages, list):
        raise papers_wire.BadMessage("no pages")
    body = papers_pages.arranged(files, [tuple(map(_int, choice)) for choice in pages])
    findings = papers_pdf.examine(body)
    return {"pages": findings.page_count, "signed": findings.is_signed}, body


def _is_pdf(data: bytes) -> bool:
    if data.startswith(_PDF_MAGIC):
        return True
    if data.startswith((_JPEG_MAGIC, _PNG_MAGIC)):
        return False
    raise Refusal("file_type")


def _sizes(head: papers_wire.Head) -> list[int]:
    sizes = head["sizes"]
    return [_int(size) for size in sizes] if isinstance(sizes, list) else []


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise papers_wire.BadMessage("no number")
    return value


if __name__ == "__main__":
    main()
