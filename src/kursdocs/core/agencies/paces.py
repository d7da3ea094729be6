"""Paces: after how many days reminders come, as municipalities and agencies have set them.

How the levels fall back to each other stands in ``cascade``. Values come in as text somebody typed;
all are checked before the first is set. The log tells which rules changed, never their values.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.catalogue import Catalogue, Pace
from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.agencies import cascade, checks
from kursdocs.core.agencies.cascade import Choice, Paces
from kursdocs.core.agencies.settings import acting_on
from kursdocs.core.agencies.tables import Agency, AgencyPace, Municipality, MunicipalityPace
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Invalid

LEAST, MOST = "least", "most"
"""What the names of the two limits of a rule end with in a municipality's form."""
_DIGITS_MAX = 3


# ── What holds ───────────────────────────────────────────────────────────────────────────────


def paces_of(
    session: Session, catalogue: Catalogue, agency_ids: Collection[UUID]
) -> Mapping[UUID, Paces]:
    """What holds for each of these agencies. Those that have set nothing share one object."""
    query = select(Agency.id, Agency.municipality_id).where(col(Agency.id).in_(list(agency_ids)))
    towns = dict(session.exec(query).all())
    chosen, own = _chosen(session, set(towns.values())), _own(session, agency_ids)
    usual = {town: cascade.cascade(catalogue, chosen.get(town, {}), {}) for town in chosen}
    of_catalogue = cascade.cascade(catalogue, {}, {})
    return {
        agency: cascade.cascade(catalogue, chosen.get(town, {}), own[agency])
        if agency in own
        else usual.get(town, of_catalogue)
        for agency, town in towns.items()
    }


def town_paces(session: Session, catalogue: Catalogue, municipality: Municipality) -> Paces:
    """What holds in a municipality where no agency set it otherwise, with the limits for them."""
    return cascade.of_town(catalogue, town_choices(session, municipality))


def town_choices(session: Session, municipality: Municipality) -> Mapping[str, Choice]:
    """What a municipality has set, by rule; also of rules that the catalogue no longer has."""
    return _chosen(session, [municipality.id]).get(municipality.id, {})


def _chosen(session: Session, ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, Choice]]:
    query = select(MunicipalityPace).where(col(MunicipalityPace.municipality_id).in_(list(ids)))
    found: dict[UUID, dict[str, Choice]] = {}
    for row in session.exec(query):
        choice = Choice(row.days, row.agency_min, row.agency_max)
        found.setdefault(row.municipality_id, {})[row.rule] = choice
    return found


def _own(session: Session, ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, int]]:
    query = select(AgencyPace).where(col(AgencyPace.agency_id).in_(list(ids)))
    found: dict[UUID, dict[str, int]] = {}
    for row in session.exec(query):
        found.setdefault(row.agency_id, {})[row.rule] = row.days
    return found


# ── Setting them: a municipality ─────────────────────────────────────────────────────────────


def change_municipality_paces(
    session: Session,
    actor: Actor,
    catalogue: Catalogue,
    municipality: Municipality,
    typed: Mapping[str, str],
    *,
    now: datetime,
) -> Sequence[str]:
    """Set what was typed; the codes of the rules that are new.

    ``typed`` has the days under the code of their rule, the limits for agencies under the code and
    ``.least`` or ``.most``; empty means not set, and what is not there stays as it is. Lock the
    municipality first. Raises ``Invalid`` or ``InvalidForm``: ``pace_not_a_number``,
    ``pace_out_of_range``, ``pace_order``, ``pace_limits_order``, ``pace_outside_limits``.
    """
    before = town_choices(session, municipality)
    paces = catalogue.paces
    mistakes = [
        mistake
        for code, pace in paces.items()
        for field, stored in _fields(code, before.get(code, Choice()))
        for mistake in _number(typed, field, stored, pace.least, pace.most)
    ]
    right = _without(typed, mistakes)
    after = {code: _choice(right, code, before.get(code, Choice())) for code in paces}
    changed = [code for code in paces if after[code] != before.get(code, Choice())]
    for code in changed:
        mistakes += _limit_mistakes(paces[code], after[code])
    days = {code: _days(after[code].days, pace.days) for code, pace in paces.items()}
    mistakes += _order_mistakes(catalogue, days, changed)
    checks.raise_if(_in_order_of_form(paces, mistakes))
    _store_choices(session, municipality, {code: after[code] for code in changed})
    _record(session, actor, municipality, changed, now=now)
    return changed


def _fields(code: str, choice: Choice) -> Iterable[tuple[str, int | None]]:
    """The fields of one rule in a municipality's form, and what stands in them."""
    yield code, choice.days
    yield f"{code}.{LEAST}", choice.least
    yield f"{code}.{MOST}", choice.most


def _choice(typed: Mapping[str, str], code: str, stored: Choice) -> Choice:
    return Choice(*(_read(typed, field, value) for field, value in _fields(code, stored)))


def _limit_mistakes(pace: Pace, choice: Choice) -> list[Invalid]:
    """Limits in the wrong order, and limits that the municipality's own value does not keep."""
    days = _days(choice.days, pace.days)
    if choice.least is not None and choice.most is not None and choice.least > choice.most:
        return [Invalid("pace_limits_order", field=f"{pace.code}.{MOST}")]
    if choice.least is not None and choice.least > days:
        return [Invalid("pace_outside_limits", field=f"{pace.code}.{LEAST}", days=days)]
    if choice.most is not None and choice.most < days:
        return [Invalid("pace_outside_limits", field=f"{pace.code}.{MOST}", days=days)]
    return []


def _store_choices(
    session: Session, municipality: Municipality, choices: Mapping[str, Choice]
) -> None:
    for code, choice in choices.items():
        row = session.get(MunicipalityPace, (municipality.id, code))
        if choice == Choice():
            session.delete(row)
            continue
        row = row or MunicipalityPace(municipality_id=municipality.id, rule=code)
        row.days, row.agency_min, row.agency_max = choice.days, choice.least, choice.most
        session.add(row)


# ── Setting them: an agency ──────────────────────────────────────────────────────────────────


def change_agency_paces(
    session: Session,
    actor: Actor,
    catalogue: Catalogue,
    agency: Agency,
    typed: Mapping[str, str],
    *,
    now: datetime,
) -> Sequence[str]:
    """The same for an agency, within the limits of its municipality; it draws none itself.

    What is typed as it stood is not checked again: where limits were narrowed, an old value
    does not keep anybody from changing another one. Lock the agency first.
    """
    chosen = _chosen(session, [agency.municipality_id]).get(agency.municipality_id, {})
    before = _own(session, [agency.id]).get(agency.id, {})
    above = cascade.of_town(catalogue, chosen).effective
    mistakes = [
        mistake
        for code, each in above.items()
        for mistake in _number(typed, code, before.get(code), each.least, each.most)
    ]
    right = _without(typed, mistakes)
    after = {code: _read(right, code, before.get(code)) for code in above}
    changed = [code for code in above if after[code] != before.get(code)]
    days = {code: cascade.within_limits(each, after[code]) for code, each in above.items()}
    mistakes += _order_mistakes(catalogue, days, changed)
    checks.raise_if(_in_order_of_form(above, mistakes))
    _store_own(session, agency, {code: after[code] for code in changed})
    _record(session, actor, agency, changed, now=now)
    return changed


def _store_own(session: Session, agency: Agency, values: Mapping[str, int | None]) -> None:
    for code, days in values.items():
        row = session.get(AgencyPace, (agency.id, code))
        if days is None:
            session.delete(row)
            continue
        row = row or AgencyPace(agency_id=agency.id, rule=code, days=days)
        row.days = days
        session.add(row)


# ── What was typed ───────────────────────────────────────────────────────────────────────────


def _number(
    typed: Mapping[str, str], field: str, stored: int | None, least: int, most: int
) -> list[Invalid]:
    """What is wrong with one field; empty, missing and unchanged ones are right."""
    value = typed.get(field, "").strip(" ")
    if not value or (stored is not None and value == str(stored)):
        return []
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX):
        return [Invalid("pace_not_a_number", field=field, min=least, max=most)]
    if least <= int(value) <= most:
        return []
    return [Invalid("pace_out_of_range", field=field, min=least, max=most)]


def _read(typed: Mapping[str, str], field: str, stored: int | None) -> int | None:
    """What :func:`_number` found nothing wrong with."""
    if field not in typed:
        return stored
    value = typed[field].strip(" ")
    return int(value) if value else None


def _without(typed: Mapping[str, str], mistakes: Iterable[Invalid]) -> Mapping[str, str]:
    """What was typed in the other fields, so that all that is wrong is told at once."""
    wrong = {mistake.field for mistake in mistakes}
    return {field: value for field, value in typed.items() if field not in wrong}


def _in_order_of_form(codes: Iterable[str], mistakes: Iterable[Invalid]) -> list[Invalid]:
    fields = [field for code in codes for field, _ in _fields(code, Choice())]
    return sorted(mistakes, key=lambda mistake: fields.index(mistake.field))


def _days(days: int | None, usual: int) -> int:
    return usual if days is None else days


def _order_mistakes(
    catalogue: Catalogue, days: Mapping[str, int], changed: Sequence[str]
) -> list[Invalid]:
    """Told at the step that was just changed, at the later one when both were."""
    return [
        Invalid(
            "pace_order",
            field=later if later in changed else earlier,
            earlier=earlier.rpartition(".")[2],
            later=later.rpartition(".")[2],
        )
        for earlier, later in cascade.out_of_order(catalogue, days, set(changed))
    ]


def _record(
    session: Session,
    actor: Actor,
    place: Agency | Municipality,
    changed: Sequence[str],
    *,
    now: datetime,
) -> None:
    if changed:
        happening, rules = Happening.PACES_CHANGED, " ".join(changed)
        audit.record(
            session, acting_on(actor, place), happening, now=now, slug=place.slug, rules=rules
        )
