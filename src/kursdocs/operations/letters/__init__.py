"""Digests as letters: text and HTML, German and English, no name, no number, no token, no pixel.

Entry point: :func:`letter`. What is said is decided in ``wording``, how it looks in the templates
beside it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from kursdocs.catalogue import Catalogue
from kursdocs.core.ports import Letter
from kursdocs.core.reminders.plan import Digest, Section
from kursdocs.operations.letters.wording import (
    FRAMES,
    Language,
    List,
    one_line,
    paragraphs,
    subject,
)

_TEMPLATES = Environment(
    loader=PackageLoader("kursdocs.operations", "letters"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def letter(
    digest: Digest, catalogue: Catalogue, *, public_url: str, message_id: str, now: datetime
) -> Letter:
    """The mail of a digest. Its links lead through the sign-in to exactly what it speaks of."""
    values: Mapping[str, Any] = {
        "parts": [
            {
                "language": language.value,
                "frame": FRAMES[language],
                "sections": _sections(digest.sections, catalogue, language, public_url),
            }
            for language in Language
        ],
        "subject": subject(digest),
    }
    return Letter(
        to=digest.address,
        subject=subject(digest),
        text=_TEMPLATES.get_template("digest.txt").render(values),
        html=_TEMPLATES.get_template("digest.html").render(values),
        message_id=message_id,
        written_at=now,
    )


def _sections(
    sections: Sequence[Section], catalogue: Catalogue, language: Language, public_url: str
) -> list[dict[str, Any]]:
    return [
        {
            "agency": one_line(section.agency_name),
            "paragraphs": [
                {
                    "sentences": paragraph.sentences,
                    "items": paragraph.items,
                    "label": FRAMES[language].labels[paragraph.list],
                    "link": _link(public_url, section, paragraph.list),
                }
                for paragraph in paragraphs(section, catalogue, language)
            ],
        }
        for section in sections
    ]


def _link(public_url: str, section: Section, shown: List) -> str:
    if shown is List.AGENCIES:
        return f"{public_url}/agencies"
    return f"{public_url}/lists/{section.agency_slug}/{shown}"
