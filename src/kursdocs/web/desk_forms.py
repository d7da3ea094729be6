"""What the desk shows of each paper: what stands in its form, what is missing, who would get it.

A value read from a paper is a proposal. It stands in the form and counts for nothing until the
clerk has had it before their eyes, which is when the form comes back with it; :class:`Line` says
which proposals nobody has looked at yet. Knows no addresses; ``desk`` has the handlers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from uuid import UUID

from kursdocs.catalogue import DateFormat, Group, Kind, Need
from kursdocs.core import agencies, drafts
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.sending import Sending, check
from kursdocs.core.drafts import DraftView
from kursdocs.core.errors import Invalid, InvalidForm
from kursdocs.core.requests import answering
from kursdocs.core.workdays import local_date
from kursdocs.web import errors
from kursdocs.web.call import Call
from kursdocs.web.pages import N_
from kursdocs.web.sending import Offer, offers_among, shown_names

SEVERAL = frozenset({"recipient", "obliging_body"})
# Proposals that were shown and came back, by their names: also those that were struck out.
SEEN = "seen"
RELEASE = ("released", "release_given_on", "release_form")

LABELS: Mapping[str, str] = {
    "kind": N_("Art des Papiers"),
    "recipient": N_("Empfänger"),
    "obliging_body": N_("Verpflichtende oder ausstellende Stelle"),
    "family_name": N_("Familienname"),
    "given_names": N_("Vornamen"),
    "birth_date": N_("Geburtsdatum"),
    "released": N_("Freigabe"),
    "release_given_on": N_("Freigegeben am"),
    "release_form": N_("Wie wurde freigegeben?"),
    "original_at": N_("Wo liegt das Original?"),
}


@dataclass(frozen=True)
class Line:
    """One paper on the desk.

    ``values`` is what stands in its form, typed or proposed; ``unseen`` the fields of which
    nobody has looked at the proposal. ``sending`` is there when nothing is missing; ``mistakes``
    say what is. ``missing`` and ``wrong`` are the labels of those fields.
    """

    draft: DraftView
    kind: Kind | None
    offers: Sequence[Offer]
    values: Mapping[str, Sequence[str]]
    unseen: frozenset[str]
    sending: Sending | None
    mistakes: InvalidForm | None
    missing: Sequence[str]
    wrong: Sequence[str]

    @property
    def id(self) -> UUID:
        """The draft's."""
        return self.draft.id

    @property
    def title(self) -> str:
        """Whose paper it is, else how the file is called."""
        names = (self.one("family_name"), self.one("given_names"))
        return ", ".join(name for name in names if name) or self.draft.file_name

    @property
    def state(self) -> str:
        """``ready`` to be sent, to ``check`` because of proposals, or ``incomplete``."""
        if self.sending is None:
            return "incomplete"
        return "check" if self.unseen else "ready"

    def one(self, name: str) -> str:
        """The value of a field, or empty."""
        return next(iter(self.values.get(name, ())), "")

    @property
    def texts(self) -> dict[str, str]:
        """One value for each field."""
        return {name: self.one(name) for name in self.values}


@dataclass(frozen=True)
class Going:
    """What would go to one agency: how many papers, on which grounds, under which needs."""

    agency: Agency
    count: int
    grounds: Sequence[str]
    needs: Sequence[Need]


@dataclass(frozen=True)
class Desk:
    """All papers of one person, as their page shows them."""

    call: Call
    drafts: Sequence[DraftView]

    @cached_property
    def lines(self) -> list[Line]:
        """Each paper with its state."""
        return [self._line(draft) for draft in self.drafts]

    def line(self, draft_id: UUID | None) -> Line | None:
        """The paper of that id, if it is on the desk."""
        return next((line for line in self.lines if line.id == draft_id), None)

    def next_open(self, after: UUID | None = None) -> Line | None:
        """The first paper behind that one that still asks for something; then from the start."""
        at = next((i + 1 for i, line in enumerate(self.lines) if line.id == after), 0)
        turned = [*self.lines[at:], *self.lines[:at]]
        return next((line for line in turned if line.state != "ready"), None)

    @property
    def ready(self) -> list[Line]:
        """What can be sent now."""
        return [line for line in self.lines if line.state == "ready"]

    @property
    def going(self) -> list[Going]:
        """Who would get what is ready."""
        found: dict[UUID, list[tuple[str, Need]]] = {}
        for line in self.ready:
            for one in line.sending.addressed if line.sending else ():
                found.setdefault(one.agency_id, []).append((one.route.ground, one.need))
        return [
            Going(
                agency,
                len(found[agency.id]),
                list(dict.fromkeys(ground for ground, _ in found[agency.id])),
                list(dict.fromkeys(need for _, need in found[agency.id])),
            )
            for agency in self._agencies
            if agency.id in found
        ]

    @cached_property
    def groups(self) -> Sequence[tuple[Group, Sequence[Kind]]]:
        """The kinds to choose from."""
        catalogue = self.call.services.catalogue
        return catalogue.by_group(catalogue.sendable_by(self.call.actor.acting.kind))

    @cached_property
    def _agencies(self) -> Sequence[Agency]:
        return agencies.recipients(self.call.session, self.call.actor)

    def _line(self, draft: DraftView) -> Line:
        code = next(iter(draft.typed.get("kind", ())), "") or draft.kind_proposed
        kinds = {kind.code: kind for _, kinds in self.groups for kind in kinds}
        kind = kinds.get(code)
        offers = offers_among(self._agencies, self.call.actor, kind) if kind else ()
        names = form_names(kind, offers)
        unseen = unseen_in(draft, names)
        values = {name: [draft.proposed[name]] for name in unseen}
        values |= {name: list(draft.typed[name]) for name in names if draft.typed.get(name)}
        values |= {name: [_as_written(values[name][0])] for name in _days(kind) if name in values}
        sending, mistakes = self._judged(replace(draft, typed=values))
        missing, wrong = self._labels(kind, mistakes)
        return Line(draft, kind, offers, values, unseen, sending, mistakes, missing, wrong)

    def _judged(self, draft: DraftView) -> tuple[Sending | None, InvalidForm | None]:
        call, catalogue = self.call, self.call.services.catalogue
        form = drafts.form_of(draft, catalogue)
        try:
            asked = answering.answerable(call.session, call.actor, form)
            today = local_date(call.now)
            return check(
                call.session, call.actor, catalogue, form, today=today, requested=asked.of
            ), None
        except InvalidForm as error:
            return None, error

    def _labels(
        self, kind: Kind | None, mistakes: InvalidForm | None
    ) -> tuple[list[str], list[str]]:
        labels = labels_of(self.call, kind)
        missing: dict[str, None] = {}
        wrong: dict[str, None] = {}
        for mistake in mistakes.mistakes if mistakes else ():
            told = missing if mistake.code.endswith("_missing") else wrong
            told[labels.get(mistake.field, mistake.field)] = None
        return list(missing), list(wrong)


def form_names(kind: Kind | None, offers: Sequence[Offer]) -> tuple[str, ...]:
    """The names of the fields that the form of this kind asks on the desk, in its order."""
    if kind is None:
        return ("kind", "family_name", "given_names", "birth_date", "original_at")
    shown = shown_names(kind, offers) - {"file"}
    return ("kind", *(name for name in (*LABELS, *_asked(kind)) if name in shown))


def _asked(kind: Kind) -> Iterable[str]:
    return (asked.field.name for asked in kind.fields)


def _days(kind: Kind | None) -> Iterable[str]:
    """The fields that hold a day."""
    yield from ("birth_date", "release_given_on")
    for asked in kind.fields if kind else ():
        if isinstance(asked.field.format, DateFormat):
            yield asked.field.name


def _as_written(text: str) -> str:
    """A day as it stands on papers, so that the two can be compared at a glance."""
    try:
        return f"{date.fromisoformat(text):%d.%m.%Y}"
    except ValueError:
        return text


def unseen_in(draft: DraftView, names: Iterable[str]) -> frozenset[str]:
    """Of these fields those whose proposal nobody has looked at."""
    seen = {*draft.typed, *_seen(draft)}
    return frozenset(name for name in names if draft.proposed.get(name) and name not in seen)


def _seen(draft: DraftView) -> list[str]:
    return next(iter(draft.typed.get(SEEN, ())), "").split()


def read(call: Call, line: Line) -> dict[str, Sequence[str]]:
    """What came back of the form of this paper.

    Names that are not in it stay out: of fields that the script left out because nobody touched
    their proposal, nothing is known yet.
    """
    posted = {
        name: call.chosen[name] if name in SEVERAL else call.chosen[name][-1:]
        for name in (*LABELS, *_of_any_kind(call))
        if name in call.chosen
    }
    came_back = [name for name in line.draft.proposed if name in call.chosen]
    seen = dict.fromkeys([*_seen(line.draft), *came_back])
    return {**posted, SEEN: [" ".join(seen)]}


def _of_any_kind(call: Call) -> Iterable[str]:
    """The kind may have been changed in the very form that comes back."""
    catalogue = call.services.catalogue
    kind = catalogue.kind(call.form.get("kind", ""))
    return _asked(kind) if kind else ()


def labels_of(call: Call, kind: Kind | None) -> dict[str, str]:
    """What the fields are called in the clerk's language."""
    text = call.kit.pages.text
    labels = {name: text(call.language, label) for name, label in LABELS.items()}
    for asked in kind.fields if kind else ():
        labels[asked.field.name] = asked.field.label.get(call.language)
    return labels


def told_of(call: Call, line: Line, *, all_of_them: bool) -> dict[str, str]:
    """The sentences beside the fields: of what is wrong, and if asked of what is missing, too."""
    if line.mistakes is None:
        return {}
    judged = [
        mistake
        for mistake in line.mistakes.mistakes
        if all_of_them or not mistake.code.endswith("_missing")
    ]
    order = {name: at for at, name in enumerate(form_names(line.kind, line.offers))}
    judged.sort(key=lambda mistake: order.get(mistake.field, len(order)))
    return dict(errors.tell(call.kit.pages, call.language, InvalidForm(judged)).fields)


def proposals_unseen() -> Invalid:
    """Why a paper is not sent whose proposals nobody has looked at."""
    return Invalid("proposals_unseen")
