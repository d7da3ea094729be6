"""The help page: one text for everybody, in the order of what the reader does all day."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from starlette.responses import Response

from kursdocs.catalogue import Addressee, AgencyKind, Catalogue, Ladder
from kursdocs.core import agencies
from kursdocs.core.access import Role
from kursdocs.operations.intake import FILE_BYTES_MAX
from kursdocs.web.call import Call
from kursdocs.web.pages import N_

_OF_SENDERS = ("send", "requests", "correct", "inbox", "settle")
_OF_RECIPIENTS = ("inbox", "settle", "requests", "send", "correct")
_OF_ALL = ("keyboard", "fate", "who-sees", "data-protection", "problems", "ask")
_RULES_FIRST = ("who-sees", "data-protection", "fate", "ask")
_OF_ROLE: Mapping[Role, str] = MappingProxyType(
    {Role.HEAD: "lead", Role.COORDINATOR: "coordinate", Role.AUDITOR: "audit"}
)
_ADDRESSEES: Mapping[Addressee, str] = MappingProxyType(
    {
        Addressee.DESK: N_("das Postfach der Stelle"),
        Addressee.DEPUTY: N_("auch die Vertretung"),
        Addressee.HEAD: N_("auch die Leitung"),
        Addressee.COORDINATOR: N_("auch die Koordination"),
    }
)


def show(call: Call) -> Response:
    """The page, for people who are signed in and for those who are not."""
    catalogue = call.services.catalogue
    ladder = usual_ladder(catalogue)
    return call.render(
        "help/show.html",
        sections=sections_for(call.actor.role, _agency_kind(call)),
        is_office=_agency_kind(call) not in (None, AgencyKind.COURSE_PROVIDER),
        retentions=_retentions(catalogue, call.language),
        steps=[(days, _ADDRESSEES[who]) for days, who in ladder.steps],
        return_after=ladder.return_after,
        file_mib_max=FILE_BYTES_MAX // 1024**2,
        contact=_contact(call),
    )


def sections_for(role: Role | None, agency_kind: AgencyKind | None) -> tuple[str, ...]:
    """The sections of the page in the order that concerns this reader.

    Each stands there once. What only heads, coordinators or auditors can do is for them alone.
    """
    is_office = agency_kind not in (None, AgencyKind.COURSE_PROVIDER)
    days_work = _OF_RECIPIENTS if is_office else _OF_SENDERS
    own = (_OF_ROLE[role],) if role is not None and role in _OF_ROLE else ()
    if role is not None and not role.is_of_agency:
        return tuple(dict.fromkeys((*own, *_RULES_FIRST, *_OF_ALL, *days_work)))
    return (*own, *days_work, *_OF_ALL)


def usual_ladder(catalogue: Catalogue) -> Ladder:
    """The ladder that most kinds of papers follow."""
    count = Counter(kind.ladder.code for kind in catalogue.kinds)
    return max(catalogue.ladders, key=lambda ladder: count[ladder.code])


def _agency_kind(call: Call) -> AgencyKind | None:
    return call.actor.agency.kind if call.actor.agency else None


def _retentions(catalogue: Catalogue, language: str) -> Sequence[str]:
    """How long papers stay here, of every rule that some kind follows."""
    used = {kind.retention.code for kind in catalogue.kinds}
    return [each.text.get(language) for each in catalogue.retentions if each.code in used]


def _contact(call: Call) -> str:
    """Where the reader's coordination can be reached; empty when it is not known."""
    if call.actor.municipality_id is None:
        return ""
    return agencies.municipality_of(call.session, call.actor).mailbox
