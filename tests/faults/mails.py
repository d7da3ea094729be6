"""Deeds about mails: planning them and sending them, with an agency for each that is to be told.

Each agency has one paper that came in the early morning, and hears of it in one mail. Beside it
another paper, at an agency that no mail reaches, comes to the end of its time, and goes back.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta
from uuid import UUID

from sqlmodel import col, select
from tests.factories import make_agency, make_catalogue, make_person_actor
from tests.faults.cases import Case, Kind
from tests.faults.ledger import Word, fingerprint
from tests.faults.scene import SECOND, Deed, Job, Scene

from kursdocs.catalogue import AgencyKind
from kursdocs.core import outbox
from kursdocs.core.documents import settling
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.outbox import LEASE
from kursdocs.core.reminders import times
from kursdocs.core.workdays import LOCAL, Workdays, local_date, local_moment
from kursdocs.operations import intake, mailing, reminding
from kursdocs.services import Services

WORKDAYS = Workdays(keeps_eves=True)
CAME, BEGINS, ENDS = 6, 8, 17
"""Local hours: when papers came, and between which the worker reminds here."""
LATE = timedelta(days=40)
"""So long ago came what goes back."""
FINAL = ("smtp.rcpt begins", "smtp.data begins")
"""Where a no is about the mail, and not about us."""


# -- what there is to tell -------------------------------------------------------------------------


def _news(scene: Scene, job: Job) -> Job:
    """A paper for an agency of its own, which hears of it today."""
    _by_day(scene)
    house, slug = scene.house, f"stelle-{scene.number()}"
    with house.services.transaction() as session:
        agency = make_agency(session, slug, AgencyKind.IMMIGRATION_OFFICE)
        agency.monthly_note = False
        scene.recipients[job.key] = make_person_actor(session, agency, subject=slug)
        address = agency.mailbox
    job = replace(job, sending=house.sending(slug))
    job = replace(job, subject=_arrived(scene, job, timedelta(0)))
    scene.note(Word.DUE, job.key, address)
    return job


def _news_and_late(scene: Scene, job: Job) -> Job:
    """The same, and a paper that goes back."""
    made = _news(scene, job)
    late = scene.job(job.deed, f"{job.key}|late")
    scene.note(Word.LATE, job.key, _arrived(scene, late, LATE))
    return made


def _arrived(scene: Scene, job: Job, ago: timedelta) -> UUID:
    """Its document, which came that long before this morning; its past is made."""
    house = scene.house
    scene.note(Word.TRY, job.key, fingerprint(job.content))
    view = intake.store(house.services, job.sender, job.sending, [job.content], job.key)
    scene.note(Word.ACK, job.key, view.id)
    with house.services.transaction() as session:
        for delivery in session.exec(select(Delivery).where(Delivery.document_id == view.id)):
            delivery.delivered_at = local_moment(_today(scene), CAME).astimezone(UTC) - ago
            session.add(delivery)
    return view.id


def _planned(scene: Scene, job: Job) -> Job:
    """The same, with the mail in the outbox as the worker puts it there."""
    made = _news(scene, job)
    house, today = scene.house, _today(scene)
    address = f"{scene.recipients[job.key].acting.slug}@post.example"
    with house.services.transaction() as session:
        outbox.put(
            session,
            dedupe=outbox.digest_of(address, today),
            address=address,
            now=house.clock(),
            lapses_at=times.lapses_at(today),
        )
    return made


# -- the worker ------------------------------------------------------------------------------------


def _plan(services: Services, job: Job) -> None:
    reminding.remind(services)


def _mail(services: Services, job: Job) -> None:
    mailing.deliver_due(services)


def _work(services: Services) -> None:
    reminding.remind(services)
    mailing.deliver_due(services)


def _work_again(scene: Scene, job: Job) -> None:
    """The next run, after the lease; then somebody takes the paper over."""
    scene.house.clock.advance(LEASE + SECOND)
    _work(scene.house.services)
    _take_over(scene)


def _mail_again(scene: Scene, job: Job) -> None:
    """The same where everything is planned."""
    scene.house.clock.advance(LEASE + SECOND)
    mailing.deliver_due(scene.house.services)
    _take_over(scene)


def _take_over(scene: Scene) -> None:
    """Whoever got a mail takes over what it is about; nobody else would know."""
    house, reached = (
        scene.house,
        {one for letter in scene.smtp.letters for one in letter.recipients},
    )
    for key, actor in list(scene.recipients.items()):
        if f"{actor.acting.slug}@post.example" in reached:
            del scene.recipients[key]
            with house.services.transaction() as session:
                mine = col(Delivery.recipient_agency_id) == actor.acting.id
                for delivery_id in session.exec(select(Delivery.id).where(mine)).all():
                    settling.take_over(
                        session, actor, delivery_id, catalogue=make_catalogue(), now=house.clock()
                    )


def _today(scene: Scene) -> date:
    return local_date(scene.house.clock())


def _by_day(scene: Scene) -> None:
    """Hours at which mails go out; a day begins with what the last one could not tell."""
    now = scene.house.clock().astimezone(LOCAL)
    if not (WORKDAYS.includes(now.date()) and BEGINS <= now.hour < ENDS):
        _morning(scene)


def _end(scene: Scene) -> None:
    """Nobody hears anything more on the same day."""
    _work(scene.house.services)
    _morning(scene)


def _morning(scene: Scene) -> None:
    """The next working day begins: nobody hears anything twice, and whom no mail reached does."""
    day = WORKDAYS.after(_today(scene), 1)
    scene.house.clock.now = local_moment(day, BEGINS).astimezone(UTC)
    _work(scene.house.services)
    _take_over(scene)


# -- what a fault brings with it -------------------------------------------------------------------


def _foresee(scene: Scene, job: Job, case: Case, points: Sequence[str]) -> None:
    """Twice only what the server took before anybody could write that down, or a late sender sent.

    Refused is only what the server refused for good.
    """
    claimed = points.index("commit ended")
    accepted = points.index("smtp.data ended")
    marked = points.index("commit ended", accepted)
    since = claimed if case.kind is Kind.HANG else accepted
    if case.kind in (Kind.KILL, Kind.ERROR, Kind.HANG) and since <= case.number < marked:
        scene.note(Word.TWICE, job.key)
    if case.kind is Kind.NO and case.point in FINAL:
        scene.note(Word.REFUSED, job.key)


PLAN = Deed(
    _plan,
    _work_again,
    _news_and_late,
    is_alone=True,
    is_swept=False,
    meanwhile=_work,
    limit=LEASE,
    finish=_end,
)
MAIL = Deed(
    _mail,
    _mail_again,
    _planned,
    is_alone=True,
    is_swept=False,
    meanwhile=mailing.deliver_due,
    limit=LEASE,
    foresee=_foresee,
    finish=_end,
)
