"""What somebody can do after a refusal: the next steps in words, and where to go from there.

An error page that only says what went wrong leaves people at a dead end, with a telephone in
their hand. Knows no request: what it tells depends on the refusal and on who reads it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from kursdocs.core.access import Permission
from kursdocs.web.pages import N_, Page

_BACK_AND_AGAIN = (
    N_("Gehen Sie im Browser zurück, laden Sie die Seite neu und versuchen Sie es noch einmal."),
)
_SLOWLY = (
    N_("Prüfen Sie, ob Ihr Rechner oder Telefon gerade eine gute Verbindung hat."),
    N_("Sind es viele oder große Dateien, senden Sie weniger auf einmal."),
)
_SMALLER = (
    N_("Scannen Sie mit 200 bis 300 dpi und in Graustufen."),
    N_("Senden Sie jedes Papier als eigene Datei und weniger Dateien auf einmal."),
)
_BY_STATUS: Mapping[int, Sequence[str]] = MappingProxyType(
    {
        400: _BACK_AND_AGAIN,
        404: (
            N_("Suchen Sie das Papier im Eingang oder unter „Gesendet“, statt über einen Link."),
            N_("Haben Sie die Adresse abgetippt oder kopiert, prüfen Sie, ob sie vollständig ist."),
        ),
        405: _BACK_AND_AGAIN,
        408: _SLOWLY,
        409: (
            N_("Gehen Sie zurück und laden Sie die Seite neu: Dort steht, wie es jetzt ist."),
            N_("Meist war jemand aus Ihrer Stelle schneller. Dann ist nichts mehr zu tun."),
        ),
        410: (N_("Brauchen Sie das Papier noch, fragen Sie die Stelle, die es gesendet hat."),),
        413: _SMALLER,
        415: _BACK_AND_AGAIN,
        422: (N_("Gehen Sie im Browser zurück; was Sie eingegeben haben, steht dort meist noch."),),
        503: (N_("Warten Sie einen Augenblick und versuchen Sie es dann noch einmal."),),
    }
)
_BY_CODE: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "not_permitted": (
            N_("Brauchen Sie das für Ihre Arbeit, bitten Sie Ihre Leitung um die passende Rolle."),
        ),
        "no_agency": (N_("Wählen Sie oben links die Stelle, für die Sie handeln."),),
        "sign_in_refused": (
            N_("Beginnen Sie in diesem Fenster von vorn und melden Sie sich zügig an."),
            N_("Schlägt es wieder fehl, erlauben Sie im Browser Cookies für diese Adresse."),
        ),
    }
)
_SWITCH = N_(
    "Sie gehören zu mehreren Stellen. Oben links steht, für welche Sie gerade handeln; dort"
    " wechseln Sie."
)


@dataclass(frozen=True)
class Way:
    """A button of the error page; the label is German and translated by the template."""

    label: str
    href: str


def steps(page: Page, status: int, code: str) -> Sequence[str]:
    """What to do now, in German sentences; empty where the refusal itself says it all."""
    found = _BY_CODE.get(code, () if status == 403 else _BY_STATUS.get(status, ()))
    return (*found, _SWITCH) if page.can_switch and status in (403, 404) else found


def ways(page: Page, status: int, *, again: str = "") -> Sequence[Way]:
    """Where to go from here, the best first. ``again`` is the address to call once more, if any."""
    found = [Way(N_("Noch einmal versuchen"), again)] if again else []
    if Permission.INBOX_READ in page.permissions:
        found.append(Way(N_("Zum Eingang"), "/inbox"))
    elif status in (401, 403) and not page.actor_name:
        found.append(Way(N_("Anmelden"), "/sign-in"))
    else:
        found.append(Way(N_("Zur Startseite"), "/"))
    return (*found, Way(N_("Hilfe"), "/help#problems"))
