"""The rules as data: kinds of papers, routes, legal grounds, fields, retention and wording.

They stand in a TOML file (``catalogue.toml`` is the shipped one; a municipality may change or
replace it), are checked when the program starts, and are then frozen. Reading order:
``catalogue.toml``, its types in ``wording``, ``fields``, ``clocks`` and ``types``, its checker in
``checker`` (with ``files``, which lays a town's own file over the shipped one, ``tables``, which
reads values, ``patterns``, which judges regular expressions, and ``lines``, which finds lines);
``comparison`` tells what differs between two catalogues.

The catalogue imports nothing of ours. It knows kinds of agencies, but no agency; fields of papers,
but no paper and no person.
"""

from kursdocs.catalogue.checker import load
from kursdocs.catalogue.clocks import (
    TAKEN_OVER,
    Clocks,
    FollowUpRule,
    Pace,
    SettleReason,
    Side,
    Steps,
    Unit,
)
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
from kursdocs.catalogue.files import CatalogueError, Mistake
from kursdocs.catalogue.instruction import InstructionText
from kursdocs.catalogue.types import (
    Catalogue,
    CorrectionReason,
    ExcludedPaper,
    Group,
    Kind,
    Ladder,
    NeedText,
    RequestDeclineReason,
    Retention,
    ReturnReason,
    Route,
    WithdrawalReason,
)
from kursdocs.catalogue.wording import (
    Addressee,
    AgencyKind,
    FollowUpClock,
    Need,
    StartEvent,
    Text,
)

__all__ = [
    "TAKEN_OVER",
    "Addressee",
    "AgencyKind",
    "Catalogue",
    "CatalogueError",
    "ChoiceFormat",
    "Clocks",
    "CodeFormat",
    "CorrectionReason",
    "DateFormat",
    "ExcludedPaper",
    "Field",
    "FieldFormat",
    "FieldMistake",
    "FollowUpClock",
    "FollowUpRule",
    "Group",
    "InstructionText",
    "IntegerFormat",
    "Kind",
    "KindField",
    "Ladder",
    "Mistake",
    "Need",
    "NeedText",
    "Option",
    "Pace",
    "RequestDeclineReason",
    "Retention",
    "ReturnReason",
    "Route",
    "SettleReason",
    "Side",
    "StartEvent",
    "Steps",
    "Text",
    "TextFormat",
    "Unit",
    "WithdrawalReason",
    "load",
    "validate_fields",
]
