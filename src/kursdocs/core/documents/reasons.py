"""Reasons that stand in no catalogue: why a second person declines, and what happens by itself.

A person can choose those of :data:`DECLINE_REASONS`, and no other; a municipality cannot reword
what the program itself does.
"""

from dataclasses import dataclass

from kursdocs.catalogue import Text


@dataclass(frozen=True)
class Reason:
    """An entry of a closed list: what is stored, and what people read."""

    code: str
    text: Text


UNTOUCHED = "untouched"
"""Why a delivery went back that nobody took over."""

UNAPPROVED = "not_approved_in_time"
"""Why a document ended on which no second person decided."""

INFECTED = "infected"
"""Why a document is blocked."""

DECLINE_REASONS = (
    Reason(
        "not_approved_facts",
        Text("Nicht freigegeben: Angaben stimmen nicht", "Not approved: the facts are wrong"),
    ),
    Reason(
        "not_approved_recipient",
        Text("Nicht freigegeben: falsche Stelle", "Not approved: the wrong agency"),
    ),
    Reason(
        "not_approved_grounds",
        Text(
            "Nicht freigegeben: Die Mitteilung ist nicht zulässig oder nicht nötig",
            "Not approved: the report is not lawful or not needed",
        ),
    ),
    Reason("not_approved", Text("Nicht freigegeben", "Not approved")),
)
"""What the second person can say; a document that is declined ends as withdrawn with it."""

BY_ITSELF = (
    Reason(
        UNTOUCHED,
        Text(
            "Von niemandem übernommen; automatisch zurückgegeben",
            "Taken over by nobody; returned automatically",
        ),
    ),
    Reason(
        UNAPPROVED,
        Text(
            "Von keiner zweiten Person freigegeben; automatisch beendet",
            "Approved by no second person; ended automatically",
        ),
    ),
    Reason(
        INFECTED,
        Text("Die Prüfung hat Schadsoftware gemeldet", "The scanner has reported malware"),
    ),
)
"""What the program itself says; nobody can choose it."""


def decline_reason(code: str) -> Reason | None:
    """The reason of that code that a second person can choose, or ``None``."""
    return next((reason for reason in DECLINE_REASONS if reason.code == code), None)
