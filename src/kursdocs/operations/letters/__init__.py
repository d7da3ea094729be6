"""Digests as letters: text and HTML, German and English, no name, no number, no token, no pixel.

Entry points: :func:`letter` writes the mail of a digest, :func:`decided` says in one sentence why
somebody is mailed or not, :func:`given_back` why a paper goes back. What is said is decided in the
modules beside it (see ``wording``), how it looks in the templates.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from kursdocs.catalogue import Catalogue
from kursdocs.core.ports import Letter
from kursdocs.core.reminders.digest import Digest
from kursdocs.operations.letters import frames, monthly
from kursdocs.operations.letters.decisions import decided, given_back
from kursdocs.operations.letters.paragraphs import blocks, subject, todo
from kursdocs.operations.letters.templates import TEMPLATES
from kursdocs.operations.letters.wording import Language, List, Paragraph

__all__ = ["Language", "List", "decided", "given_back", "letter"]


def letter(
    digest: Digest,
    catalogue: Catalogue,
    *,
    public_url: str,
    message_id: str,
    now: datetime,
    signed: tuple[int, date] | None = None,
) -> Letter:
    """The mail of a digest. Its links lead through the sign-in to exactly what it speaks of.

    ``signed`` is how many rows the log had when it was signed last, and the day; the monthly note
    says it, because the mail carries the signed statement.
    """
    values: Mapping[str, Any] = {
        "parts": [
            {
                **_part(digest, catalogue, language, public_url),
                "proof": monthly.proof(digest.sections, signed, language),
            }
            for language in Language
        ],
        "subject": subject(digest),
    }
    return Letter(
        to=digest.address,
        subject=subject(digest),
        text=TEMPLATES.get_template("digest.txt").render(values),
        html=TEMPLATES.get_template("digest.html").render(values),
        message_id=message_id,
        written_at=now,
    )


def _part(
    digest: Digest, catalogue: Catalogue, language: Language, public_url: str
) -> Mapping[str, Any]:
    return {
        "language": language.value,
        "greeting": frames.GREETING.get(language),
        "todo": todo(digest, language),
        "closing": frames.closing(digest.sections, language),
        "blocks": [
            {
                "heading": block.heading,
                "paragraphs": [_shown(one, language, public_url) for one in block.paragraphs],
            }
            for block in blocks(digest, catalogue, language)
        ],
    }


def _shown(one: Paragraph, language: Language, public_url: str) -> Mapping[str, Any]:
    lists = f"{public_url}/lists/{one.agency}"
    return {
        "sentences": one.sentences,
        "lines": one.items,
        "leads": [(line, f"{lists}/{shown}") for line, shown in one.leads],
        "label": frames.LABELS[one.list].get(language) if one.list else "",
        "link": f"{lists}/{one.list}" if one.list else "",
    }
