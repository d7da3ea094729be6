"""Where the links of mails lead: to exactly that list, for exactly that agency.

A mail names an agency and a list, never a paper. Who acts for another agency just now is asked to
switch first, so that nobody looks at the wrong inbox without noticing.
"""

from collections.abc import Mapping

from starlette.responses import Response

from kursdocs.core import agencies
from kursdocs.core.access import Permission, Role
from kursdocs.core.accounts import MembershipView, SignedIn
from kursdocs.core.errors import NotFound
from kursdocs.operations.letters.wording import List
from kursdocs.web.call import Call, redirect

PATHS: Mapping[str, str] = {
    List.WAITING: "/inbox?state=new",
    List.RETURNED: "/sent?state=returned",
    List.LEAVING: "/documents/leaving",
    List.REQUESTS: "/requests?side=received&state=open",
    List.APPROVALS: "/sent?state=waiting",
    List.LAPSING: "/follow-ups?clock=lapsing",
    List.PROOF: "/follow-ups?clock=proof",
    List.START: "/follow-ups?clock=start",
    List.AGENCIES: "/agencies",
    List.NUMBERS: "/numbers",
    List.SETTINGS: "/settings",
}


def show(call: Call) -> Response:
    """The list, or the page that offers to switch; unknown and foreign ones are not found."""
    agency, name = call.request.path_params["agency"], call.request.path_params["list"]
    path = PATHS.get(name)
    if path is None or call.signed_in is None:
        raise NotFound
    if name == List.AGENCIES:
        acts_there, own = _as_coordinator(call, call.signed_in, agency)
    else:
        acts_there = call.actor.agency is not None and call.actor.agency.slug == agency
        own = next((m for m in call.signed_in.memberships if m.agency_slug == agency), None)
    if acts_there:
        return redirect(path)
    if own is None:
        raise NotFound
    return call.render(
        "lists/other_agency.html",
        membership_id=str(own.id),
        wanted=own.agency_name or own.municipality_name,
        return_to=f"/lists/{agency}/{name}",
    )


def _as_coordinator(
    call: Call, signed_in: SignedIn, slug: str
) -> tuple[bool, MembershipView | None]:
    """Whether the caller acts for the town of that agency, and as what else they could."""
    town = agencies.town_of(call.session, slug)
    acts_there = (
        call.actor.may(Permission.MUNICIPALITY_NUMBERS_READ)
        and call.actor.municipality_id == town.id
    )
    mine = (m for m in signed_in.memberships if m.role is Role.COORDINATOR)
    return acts_there, next((m for m in mine if m.municipality_name == town.name), None)
