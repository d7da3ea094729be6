"""The pages that show the rules."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kursdocs.core.errors import NotFound
from kursdocs.web.call import Call


class KindQuery(BaseModel):
    """Which kind to show; without one, the list of all."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(default="", max_length=60)


def index(call: Call) -> Response:
    """All kinds and what is excluded and why, or one kind: routes, grounds, needs, retention."""
    catalogue = call.services.catalogue
    code = call.query().kind
    if not code:
        groups = catalogue.by_group(catalogue.kinds)
        return call.render("catalogue/index.html", catalogue=catalogue, groups=groups)
    kind = catalogue.kind(code)
    if kind is None:
        raise NotFound
    return call.render(
        "catalogue/show.html",
        kind=kind,
        need_texts=catalogue.need_texts,
        follow_ups=[rule for rule in catalogue.follow_ups if kind.code in rule.kinds],
        fulfils=[rule for rule in catalogue.follow_ups if kind.code in rule.fulfilled_by],
        field_labels={name: field.label for name, field in catalogue.fields.items()},
    )
