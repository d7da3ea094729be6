"""Where the links of mails lead: to exactly that list, for exactly that agency.

A mail names an agency and a list, never a paper. Who acts for another agency just now is asked to
switch first, so that nobody looks at the wrong inbox without noticing.
"""

from collections.abc import Mapping

from starlette.responses import Response

from kursdocs.core.errors import NotFound
from kursdocs.operations.letters.wording import List
from kursdocs.web.call import Call, redirect

_PATHS: Mapping[str, str] = {
    List.WAITING: "/inbox?state=new",
    List.RETURNED: "/sent?state=returned",
    List.LEAVING: "/documents/leaving",
}


def show(call: Call) -> Response:
    """The list, or the page that offers to switch; unknown and foreign ones are not found."""
    agency, name = call.request.path_params["agency"], call.request.path_params["list"]
    path = _PATHS.get(name)
    if path is None or call.signed_in is None:
        raise NotFound
    if call.actor.agency is not None and call.actor.agency.slug == agency:
        return redirect(path)
    own = next((m for m in call.signed_in.memberships if m.agency_slug == agency), None)
    if own is None:
        raise NotFound
    return call.render(
        "lists/other_agency.html",
        membership_id=str(own.id),
        wanted=own.agency_name,
        return_to=f"/lists/{agency}/{name}",
    )
