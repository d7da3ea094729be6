"""What the paces of reminders are called on pages: groups of rules, and the steps in them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kursdocs.catalogue import Catalogue
from kursdocs.web.errors import STEP_NAMES
from kursdocs.web.pages import N_

REQUEST, SILENCE = "request", "silence"
_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "standard": N_("Papiere im Eingang"),
        "prompt": N_("Eilige Papiere im Eingang"),
        REQUEST: N_("Angeforderte Papiere"),
        SILENCE: N_("Stille im Eingang"),
    }
)
_STEPS: Mapping[str, str] = MappingProxyType(
    {
        **STEP_NAMES,
        "before": N_("Hinweis vor dem Termin"),
        SILENCE: N_("Bitte, in den Eingang zu sehen"),
    }
)
LADDER_HINT = N_("Arbeitstage nach dem Eingang, solange niemand das Papier übernimmt.")
HINTS: Mapping[str, str] = MappingProxyType(
    {
        REQUEST: N_(
            "Arbeitstage nach dem Tag, bis zu dem das Papier da sein soll; der Hinweis kommt davor."
        ),
        SILENCE: N_(
            "Kalendertage, seit zuletzt jemand in den Eingang gesehen hat, obwohl Papiere erwartet"
            " werden."
        ),
    }
)

Translate = Callable[[str], str]


def group_of(rule: str) -> str:
    """The code of the group of a rule: its ladder's, ``request`` or ``silence``."""
    return rule.partition(".")[0]


def group_name(code: str, translate: Translate) -> str:
    """What a group of rules is called; a ladder of the town's own catalogue by its code."""
    return translate(_GROUPS[code]) if code in _GROUPS else code


def step_name(step: str, translate: Translate) -> str:
    """What a step is called, by its own code or that of its rule."""
    return translate(_STEPS[step.rpartition(".")[2]])


def rule_name(rule: str, catalogue: Catalogue, translate: Translate) -> str:
    """Group and step; a rule that is not in the catalogue any more keeps its code."""
    if rule not in catalogue.paces:
        return rule
    return f"{group_name(group_of(rule), translate)}: {step_name(rule, translate)}"
