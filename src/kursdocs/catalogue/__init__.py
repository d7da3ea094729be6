"""The rules as data: kinds of papers, routes, legal grounds, fields, retention and wording.

They stand in a TOML file (``catalogue.toml`` is the shipped one; a municipality may replace it),
are checked when the program starts, and are then frozen. Reading order: ``catalogue.toml``, its
types in ``wording``, ``fields`` and ``types``, its checker in ``checker`` (with ``tables``, which
reads values, ``patterns``, which judges regular expressions, and ``lines``, which finds lines).

The catalogue imports nothing of ours. It knows kinds of agencies, but no agency; fields of papers,
but no paper and no person.
"""

from kursdocs.catalogue.checker import CatalogueError, load
from kursdocs.catalogue.fields import (
    ChoiceFormat,
    CodeFormat,
    DateFormat,
    Field,
    FieldFormat,
    FieldMistake,
    IntegerFormat,
    KindField,
    Option,
    TextFormat,
    validate_fields,
)
from kursdocs.catalogue.types import (
    Catalogue,
    ExcludedPaper,
    Kind,
    NeedText,
    Retention,
    ReturnReason,
    Route,
    WithdrawalReason,
)
from kursdocs.catalogue.wording import AgencyKind, Need, StartEvent, Text

__all__ = [
    "AgencyKind",
    "Catalogue",
    "CatalogueError",
    "ChoiceFormat",
    "CodeFormat",
    "DateFormat",
    "ExcludedPaper",
    "Field",
    "FieldFormat",
    "FieldMistake",
    "IntegerFormat",
    "Kind",
    "KindField",
    "Need",
    "NeedText",
    "Option",
    "Retention",
    "ReturnReason",
    "Route",
    "StartEvent",
    "Text",
    "TextFormat",
    "WithdrawalReason",
    "load",
    "validate_fields",
]
