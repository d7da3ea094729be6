"""Every German sentence of the pages has its English one, and no English one is left over."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from kursdocs.web import pages

ROOT = Path(__file__).parents[2]
ENGLISH = ROOT / "frontend/locale/en/LC_MESSAGES/kursdocs.po"
TEMPLATE_OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
PYTHON_KEYWORDS = {"N_": None, "ngettext": (1, 2)}
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")

Sentence = str | tuple[str, ...]


def sentences_in(path: Path) -> Iterator[Sentence]:
    """What stands to be translated in one file."""
    if path.suffix == ".html":
        found = extract_from_file("jinja2", path, options=TEMPLATE_OPTIONS)
    else:
        found = extract_from_file("python", path, keywords=PYTHON_KEYWORDS)
    for _line, sentence, _comments, _context in found:
        yield sentence


@pytest.fixture(scope="module")
def german() -> dict[Sentence, str]:
    """All sentences, and where each is found first."""
    files = [
        *sorted((ROOT / "frontend/templates").rglob("*.html")),
        *sorted((ROOT / "src/kursdocs/web").rglob("*.py")),
    ]
    places: dict[Sentence, str] = {}
    for path in files:
        for sentence in sentences_in(path):
            places.setdefault(sentence, str(path.relative_to(ROOT)))
    return places


@pytest.fixture(scope="module")
def english() -> Catalog:
    """The English catalogue."""
    with ENGLISH.open("rb") as lines:
        return read_po(lines, locale="en")


def entries(catalogue: Catalog) -> list[Message]:
    """The sentences of a catalogue, without its header."""
    return [message for message in catalogue if message.id]


def texts(text: object) -> list[str]:
    """The one text of a sentence, or its singular and plural."""
    if isinstance(text, str):
        return [text]
    return [str(form) for form in text] if isinstance(text, list | tuple) else []


def test_every_sentence_has_an_english_one(german: dict[Sentence, str], english: Catalog) -> None:
    known = {message.id for message in entries(english)}

    missing = [
        f"{place}: {sentence}" for sentence, place in german.items() if sentence not in known
    ]

    assert missing == []


def test_no_english_sentence_is_left_over(german: dict[Sentence, str], english: Catalog) -> None:
    assert [message.id for message in entries(english) if message.id not in german] == []


def test_no_english_sentence_is_empty_or_unsure(english: Catalog) -> None:
    for message in entries(english):
        assert texts(message.string), message.id
        assert all(texts(message.string)), message.id
        assert not message.fuzzy, message.id


def test_translations_carry_the_same_placeholders(english: Catalog) -> None:
    for message in entries(english):
        source, text = texts(message.id)[-1], texts(message.string)[-1]
        assert sorted(PLACEHOLDER.findall(source)) == sorted(PLACEHOLDER.findall(text))


def test_the_english_catalogue_is_read_from_its_text_file() -> None:
    translations = pages.read_translations(pages.frontend_folder(), "en")

    assert translations.gettext("Eingang") == "Inbox"
    assert translations.ngettext("eine Seite", "%(num)s Seiten", 1) == "one page"
    assert translations.ngettext("eine Seite", "%(num)s Seiten", 2) == "%(num)s pages"
