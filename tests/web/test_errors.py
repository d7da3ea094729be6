"""Every code that can be raised has a sentence in every language, found by reading the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kursdocs import catalogue
from kursdocs.core import errors as domain
from kursdocs.web import errors, pages
from kursdocs.web.error_words import HEADINGS, SENTENCES
from kursdocs.web.errors import status_of
from kursdocs.web.pages import LANGUAGES

SOURCE = Path(errors.__file__).parents[1]
# Functions of the domain that are not errors, and calls whose first word is no code.
RAISED = {
    "Invalid",
    "Conflict",
    "Forbidden",
    "NotFound",
    "TooLarge",
    "Unavailable",
    "BadRequest",
    "SignInRequired",
    "Busy",
    "UnsupportedBody",
    "KursdocsError",
    "_Mistaken",
    "InvalidForm",
    "MethodUnknown",
    "TooSlow",
    "InternalError",
}
# Nobody at a page or program hears of these: the first never leaves its module, the second is for
# duties, which take it as an answer, the others are for the operator's check and the worker's log.
INTERNAL = {
    "fields_are_in",
    "not_held",
    "scanner_unavailable",
    "bounces_unavailable",
    "mail_unavailable",
}
CODE = re.compile(r"[a-z]+(_[a-z]+)+")


def subclasses(kind: type[domain.KursdocsError]) -> Iterator[type[domain.KursdocsError]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def codes_in(tree: ast.AST, names: set[str]) -> Iterator[str]:
    """String constants in the argument of an error that is its code."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        function = node.func
        name = getattr(function, "id", getattr(function, "attr", ""))
        if name in names or (name == "__init__" and isinstance(function, ast.Attribute)):
            yield from strings(node.args[0])
        if name == "FieldMistake":
            yield from strings(node.args[1])


def strings(node: ast.expr) -> Iterator[str]:
    """The constants an argument may be, also as ``a if x else b`` or in ``table.get(x, a)``."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def raised() -> set[str]:
    """Every code that the source can raise."""
    kinds = {kind.__name__ for kind in subclasses(domain.KursdocsError)} | RAISED
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {*codes_in(tree, kinds), *codes_of_tables(tree)}
    return {code for code in found if CODE.fullmatch(code)} - INTERNAL | {"internal"}


def codes_of_tables(tree: ast.AST) -> Iterator[str]:
    """Defaults of parameters and values of variables ``code``; entries of tables of codes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            for argument, default in zip(arguments, node.args.defaults, strict=True):
                if argument.arg == "code":
                    yield from strings(default)
        if isinstance(node, ast.Assign):
            names = {getattr(target, "id", "") for target in node.targets}
            is_table = any(name.endswith(("_CODES", "_UNMET")) for name in names)
            table = node.value.values if isinstance(node.value, ast.Dict) and is_table else []
            # Where a value is a field and its code, the code comes last.
            table = [v.elts[-1] if isinstance(v, ast.Tuple) else v for v in table]
            is_choice = "code" in names and isinstance(node.value, ast.IfExp | ast.Constant)
            for value in [node.value] if is_choice else table:
                yield from strings(value)


def codes_of_ports() -> set[str]:
    """Codes that a port's documentation promises, written as ``code``."""
    text = (SOURCE / "core" / "ports.py").read_text(encoding="utf-8")
    return set(re.findall(r"``(file_[a-z_]+|files_[a-z_]+)``", text))


def test_the_scan_finds_what_is_known_to_be_raised() -> None:
    """Otherwise the next tests would prove nothing."""
    known = {
        "file_encrypted",
        "field_unknown",
        "key_reused",
        "not_found",
        "token_invalid",
        "database_unavailable",
        "recipients_too_many",
        "recipient_missing",
        "document_damaged",
        "body_truncated",
        "field_date_impossible",
    }

    assert known <= raised() | codes_of_ports()
    assert codes_of_ports()


def test_every_code_has_a_sentence() -> None:
    assert (raised() | codes_of_ports()) - set(SENTENCES) == set()


def test_no_sentence_is_left_over() -> None:
    assert set(SENTENCES) - raised() - codes_of_ports() == set()


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "de"])
def test_every_sentence_and_heading_is_translated(language: str) -> None:
    translated = pages.read_translations(pages.frontend_folder(), language)
    for sentence in (*SENTENCES.values(), *HEADINGS.values()):
        found = translated.gettext(sentence)

        assert found != sentence, sentence
        assert placeholders(found) == placeholders(sentence), sentence


def placeholders(sentence: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", sentence))


def test_every_kind_of_error_has_a_status_and_every_status_a_heading() -> None:
    for kind in subclasses(domain.KursdocsError):
        if kind.__name__ in ("InternalError", "_FieldsAreIn"):
            continue
        error = kind.__new__(kind)

        assert status_of(error) != 500, kind
        assert status_of(error) in HEADINGS


def test_details_fill_every_sentence_of_every_code_that_has_some() -> None:
    """A sentence with a gap is only ever asked for with what fills it."""
    shown = pages.load(pages.frontend_folder(), catalogue.load())
    for code, sentence in SENTENCES.items():
        values = dict.fromkeys(placeholders(sentence), "x")
        for language in LANGUAGES:
            error = domain.Invalid(code, "name")
            error.details = values

            assert "%(" not in errors.sentence(shown, language, error)


@pytest.mark.parametrize(
    ("language", "first", "last"),
    [("de", "01.01.1900", "22.11.2026"), ("en", "1 Jan 1900", "22 Nov 2026")],
)
def test_the_limits_of_a_day_read_as_people_write_days(
    language: str, first: str, last: str
) -> None:
    shown = pages.load(pages.frontend_folder(), catalogue.load())
    days = domain.Invalid("field_date_out_of_range", "x", min="1900-01-01", max="2026-11-22")
    numbers = domain.Invalid("field_number_out_of_range", "x", min=1, max=900)

    said = errors.sentence(shown, language, days)

    assert first in said
    assert last in said
    assert "1900-01-01" not in said
    assert "900" in errors.sentence(shown, language, numbers)
