"""What stands in the ledger of reminders, as pages call it."""

from collections.abc import Mapping
from types import MappingProxyType

from kursdocs.catalogue import Addressee
from kursdocs.core.reminders.tables import Clock, Outcome
from kursdocs.web.pages import N_

CLOCKS: Mapping[Clock, str] = MappingProxyType(
    {
        Clock.WAITING: N_("Papier wartet im Eingang"),
        Clock.REQUEST: N_("Anforderung ist offen"),
        Clock.APPROVAL: N_("Mitteilung wartet auf Freigabe"),
        Clock.LAPSING: N_("Papier läuft ab"),
        Clock.PROOF: N_("Nachweis der Anmeldung fehlt"),
        Clock.START: N_("Kursbeginn ist nicht gemeldet"),
        Clock.RETURNED: N_("Papier kam zurück"),
        Clock.DELETION: N_("Papier wird bald gelöscht"),
        Clock.SILENCE: N_("Niemand sah in den Eingang"),
        Clock.REFUSED: N_("Postfach nimmt keine Mails an"),
        Clock.MONTHLY: N_("Monatsnotiz"),
    }
)
ADDRESSEES: Mapping[Addressee, str] = MappingProxyType(
    {
        Addressee.DESK: N_("Stelle"),
        Addressee.DEPUTY: N_("Vertretung"),
        Addressee.HEAD: N_("Leitung"),
        Addressee.COORDINATOR: N_("Koordination"),
    }
)
OUTCOMES: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.OPEN: N_("noch offen"),
        Outcome.TAKEN_OVER: N_("übernommen"),
        Outcome.RETURNED: N_("zurückgegeben"),
        Outcome.GONE_BACK: N_("ging unberührt zurück"),
        Outcome.WITHDRAWN: N_("zurückgezogen"),
        Outcome.ANSWERED: N_("beantwortet"),
        Outcome.DECLINED: N_("abgelehnt"),
        Outcome.CANCELLED: N_("Anforderung zurückgenommen"),
        Outcome.APPROVED: N_("freigegeben"),
        Outcome.FULFILLED: N_("durch ein Papier erledigt"),
        Outcome.SETTLED: N_("mit einem Grund erledigt"),
        Outcome.LOOKED_IN: N_("in den Eingang gesehen"),
        Outcome.ENDED: N_("von selbst vorbei"),
        Outcome.UNDELIVERED: N_("Mail kam nicht an"),
    }
)
