"""The page that shows the rules."""

from starlette.responses import Response

from kursdocs.web.endpoint import Call


def index(call: Call) -> Response:
    """Kinds, routes, legal grounds, needs, retention, and what is excluded and why."""
    return call.render("catalogue/index.html", catalogue=call.services.catalogue)
