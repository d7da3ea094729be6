"""The municipality's own page for its coordinator, and what the claims mapping makes of a token."""

import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kursdocs.core import accounts, agencies
from kursdocs.core.accounts import NumberedRule, Trial
from kursdocs.core.agencies import Municipality
from kursdocs.core.agencies.closings import CLOSING_FIELDS, CLOSING_WORKING_DAYS_MAX
from kursdocs.core.agencies.lands import LANDS, next_free_days
from kursdocs.core.agencies.tables import CLOSING_NAME_LENGTH_MAX
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Invalid, InvalidForm
from kursdocs.core.workdays import local_date
from kursdocs.web import errors
from kursdocs.web.call import Call, redirect
from kursdocs.web.pages import N_
from kursdocs.web.settings import shown_closings, typed_settings

FREE_DAYS_SHOWN = 4
_TOKEN = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.")
_DONE = {
    "saved": N_("Gespeichert."),
    "unchanged": N_("Es war nichts zu ändern."),
    "closing_added": N_("Die freien Tage sind eingetragen. Keine Frist zählt sie mehr."),
    "closing_removed": N_("Die freien Tage sind entfernt. Sie zählen wieder."),
}


class MunicipalityQuery(BaseModel):
    """What was just done, for the message at the top."""

    model_config = ConfigDict(extra="forbid")

    done: str = Field(default="", max_length=20)


def show(call: Call) -> Response:
    """Name, Land and the coordinator's mailbox."""
    municipality = agencies.municipality_of(call.session, call.actor)
    return _page(call, municipality, flash=_DONE.get(call.query().done, ""))


def change(call: Call) -> Response:
    """Set what was typed; mistakes bring the form back."""
    municipality = agencies.municipality_of(call.session, call.actor, for_update=True)
    try:
        changed = agencies.change_municipality(
            call.session, call.actor, municipality, typed_settings(call), now=call.now
        )
    except (Invalid, InvalidForm) as error:
        call.refused(error)
        told = errors.tell(call.kit.pages, call.language, error)
        return _page(call, municipality, typed=typed_settings(call), told=told)
    return redirect(f"/municipality?done={'saved' if changed else 'unchanged'}")


def add_closing(call: Call) -> Response:
    """Enter days off for all agencies; mistakes bring the page back."""
    municipality = agencies.municipality_of(call.session, call.actor, for_update=True)
    try:
        agencies.add_closing(call.session, call.actor, municipality, call.form, now=call.now)
    except (Invalid, InvalidForm) as error:
        call.refused(error)
        told = errors.tell(call.kit.pages, call.language, error)
        return _page(call, municipality, closing=call.form, told=told)
    return redirect("/municipality?done=closing_added#closings")


def remove_closing(call: Call) -> Response:
    """Take days off away."""
    municipality = agencies.municipality_of(call.session, call.actor, for_update=True)
    closing_id = call.id_in_path("closing_id")
    agencies.remove_closing(call.session, call.actor, municipality, closing_id, now=call.now)
    return redirect("/municipality?done=closing_removed#closings")


def _page(
    call: Call,
    municipality: Municipality,
    *,
    typed: Mapping[str, str] | None = None,
    closing: Mapping[str, str] | None = None,
    told: errors.Told | None = None,
    flash: str = "",
) -> Response:
    stored = {
        name: agencies.as_typed(getattr(municipality, name))[0]
        for name in agencies.MUNICIPALITY_FIELDS
    }
    shown = stored if typed is None else {name: typed.get(name, stored[name]) for name in stored}
    land = shown["land"] if shown["land"] in LANDS else ""
    return call.render(
        "municipality/show.html",
        status=told.status if told else 200,
        flash=flash,
        municipality=municipality,
        typed=shown,
        errors=told.fields if told else {},
        lands=list(LANDS.items()),
        land_name=LANDS.get(land, ""),
        free_days=next_free_days(land, local_date(call.now), FREE_DAYS_SHOWN),
        closings=shown_closings(call, municipality.id),
        closing={name: (closing or {}).get(name, "") for name in CLOSING_FIELDS},
        name_length_max=CLOSING_NAME_LENGTH_MAX,
        working_days_max=CLOSING_WORKING_DAYS_MAX,
    )


# ── Claims ───────────────────────────────────────────────────────────────────────────────────


def claims(call: Call) -> Response:
    """The mapping in words, and a form to try a token."""
    return _claims(call)


def try_claims(call: Call) -> Response:
    """What a token with the pasted claims would get. Nothing pasted is kept, logged or verified."""
    pasted = call.form.get("claims", "")
    try:
        read = accounts.read_claims(pasted)
    except Invalid as error:
        call.record(Happening.REQUEST_REFUSED, route=call.row.name, code=error.code)
        told = errors.tell(call.kit.pages, call.language, error)
        return _claims(call, pasted=pasted, told=told)
    trial = accounts.dry_run(
        call.session,
        _rules(call),
        read,
        issuer=call.services.settings.oidc_issuer,
        municipality_id=call.actor.municipality,
        now=call.now,
    )
    call.record(Happening.CLAIMS_TRIED, rules=len(trial.matching))
    has_subject = isinstance(read.get("sub"), str)
    return _claims(call, pasted=pasted, trial=trial, has_subject=has_subject)


def _rules(call: Call) -> list[NumberedRule]:
    return list(
        accounts.rules_in_reach(
            call.session, call.services.claim_rules, municipality_id=call.actor.municipality
        )
    )


def _claims(
    call: Call,
    *,
    pasted: str = "",
    trial: Trial | None = None,
    has_subject: bool = False,
    told: errors.Told | None = None,
) -> Response:
    """Pasted claims come back into the form; a token never does, it would open doors."""
    return call.render(
        "municipality/claims.html",
        status=told.status if told else 200,
        rules=_rules(call),
        pasted="" if _TOKEN.search(pasted) else pasted,
        trial=trial,
        has_subject=has_subject,
        errors=told.fields if told else {},
        issuer=call.services.settings.oidc_issuer,
    )
