"""Pages of accepted PDFs in a new order: turned, left out, put together.

Runs only inside the paper-opening child (``papers_child``). Knows no port and no wording: it
raises :class:`kursdocs.adapters.papers_pdf.Refusal`. Entry points: :func:`arranged`,
:func:`with_fields_drawn`.

What is left out must really be out. A PDF refers to its pages from many places (forms, outlines,
named places, threads, structure), so nothing of a file is taken over but its pages, and nothing of
a page but what is drawn: form fields and notes are drawn into it first, links are dropped.
"""

import io
from collections.abc import Sequence

import pikepdf

from kursdocs.adapters import papers_pdf
from kursdocs.adapters.papers_pdf import Refusal

_DRAWN = frozenset(
    (
        "/Type",
        "/Parent",
        "/MediaBox",
        "/CropBox",
        "/Rotate",
        "/UserUnit",
        "/Resources",
        "/Contents",
        "/Group",
    )
)
_TURNS = frozenset((0, 90, 180, 270))


def arranged(files: Sequence[bytes], choices: Sequence[Sequence[int]]) -> bytes:
    """A new PDF of these pages, each given as (file from 0, page from 1, degrees clockwise).

    The same input gives the same bytes. Raises :class:`Refusal`: ``file_signed`` when a file
    bears a signature, ``not_found`` for a page there is not.
    """
    sources = [_flattened(data) for data in files]
    try:
        with pikepdf.new() as pdf:
            for file, page, turned in choices:
                _add(pdf, sources, file, page, turned)
            out = io.BytesIO()
            pdf.save(
                out,
                min_version="1.7",
                deterministic_id=True,
                object_stream_mode=pikepdf.ObjectStreamMode.generate,
            )
    finally:
        for source in sources:
            source.close()
    return out.getvalue()


def with_fields_drawn(data: bytes) -> bytes:
    """The same PDF for reading its text: what was typed into form fields is part of the pages."""
    if b"/AcroForm" not in data and b"/ObjStm" not in data:
        return data
    with pikepdf.open(io.BytesIO(data), attempt_recovery=False) as pdf:
        if "/AcroForm" not in pdf.Root:
            return data
        pdf.generate_appearance_streams()
        pdf.flatten_annotations("all")
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def _flattened(data: bytes) -> pikepdf.Pdf:
    if papers_pdf.examine(data).is_signed:
        raise Refusal("file_signed")
    pdf = pikepdf.open(io.BytesIO(data), attempt_recovery=False)
    pdf.generate_appearance_streams()
    pdf.flatten_annotations("all")
    return pdf


def _add(
    pdf: pikepdf.Pdf, sources: Sequence[pikepdf.Pdf], file: int, page: int, turned: int
) -> None:
    known = 0 <= file < len(sources) and 1 <= page <= len(sources[file].pages)
    if not known or turned not in _TURNS:
        raise Refusal("not_found")
    pdf.pages.append(sources[file].pages[page - 1])
    added = pdf.pages[-1]
    for key in set(added.obj.keys()) - _DRAWN:
        del added.obj[key]
    added.rotate(turned, relative=True)
