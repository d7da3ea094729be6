"""Sections of digests as the plan makes them, for tests of letters; everything is invented."""

from datetime import date

from tests.factories import make_catalogue

from kursdocs.catalogue import Addressee
from kursdocs.core.adoption import MonthNumbers
from kursdocs.core.agencies import PlanTime
from kursdocs.core.ports import Letter
from kursdocs.core.reminders.digest import (
    Digest,
    KindCount,
    OwnPlan,
    Reach,
    Section,
    Topic,
)
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_moment
from kursdocs.operations.letters import letter

TODAY = date(2026, 11, 24)
URL = "https://kursdocs.musterstadt.example"
CATALOGUE = make_catalogue()
PLAN = OwnPlan((2, 4), PlanTime.AFTER_COUNTER_HOURS, is_today=True)
OCTOBER = MonthNumbers(
    first_day=date(2026, 10, 1),
    sent=12,
    received=34,
    taken_over=30,
    median_hours=5.4,
    active_agencies=9,
    all_agencies=11,
)
KINDS = (KindCount("admission_ik_jc", 2, 5), KindCount("nonattendance_report_ik", 1, 1))
MANY_KINDS = (
    KindCount("admission_ik_jc", 5, 5),
    KindCount("entitlement_ik", 3, 4),
    KindCount("obligation_ik_abh", 2, 2),
    KindCount("obligation_ik_jc", 1, 2),
    KindCount("obligation_bsk", 1, 1),
    KindCount("entitlement_bsk", 1, 1),
    KindCount("provider_change_ik", 1, 0),
)
WAITING = Topic(Clock.WAITING, 3, new=1, days=5, step=5, kinds=KINDS)
ONE = Topic(Clock.WAITING, 1, new=1, days=0)


def section(*topics: Topic, **changes: object) -> Section:
    """A desk that is told these, three waiting papers unless said otherwise."""
    values: dict[str, object] = {
        "agency_id": new_id(),
        "agency_slug": "auslaenderbehoerde",
        "agency_name": "Ausländerbehörde Musterstadt",
        "addressee": Addressee.DESK,
        "topics": topics or (WAITING,),
        "told": (),
    }
    return Section(**{**values, **changes})  # type: ignore[arg-type]  # a test's own changes


def digest(*sections: Section) -> Digest:
    """A mail with these."""
    due, end = local_moment(TODAY, 7), local_moment(TODAY, 20)
    return Digest("abh@post.example", TODAY, due, end, sections or (section(),))


def write(*sections: Section) -> Letter:
    """That mail as a letter."""
    return letter(
        digest(*sections),
        CATALOGUE,
        public_url=URL,
        message_id="<1@musterstadt.example>",
        now=local_moment(TODAY, 7),
    )


EVERYTHING = section(
    Topic(Clock.APPROVAL, 2, 1, 1, 1, (KindCount("nonattendance_report_ik", 2, 1),)),
    Topic(Clock.REQUEST, 3, 1, -2, 1, (KindCount("attendance_certificate_ik", 2, -2),
                                       KindCount("registration_confirmation_ik", 1, 3))),
    Topic(Clock.WAITING, 14, 3, 5, 5, MANY_KINDS),
    Topic(Clock.LAPSING, 4, 1, 21, 0, (KindCount("entitlement_ik", 4, 21),)),
    Topic(Clock.PROOF, 3, 1, -1, 5, (KindCount("obligation_ik_abh", 3, -1),)),
    Topic(Clock.START, 1, 1, 7),
    Topic(Clock.RETURNED, 2, 2),
    Topic(Clock.DELETION, 5, 5),
    Topic(Clock.SILENCE, 1, days=8),
    Topic(Clock.MONTHLY, 1),
    own_plan=PLAN,
    month=OCTOBER,
)  # fmt: skip
HEAD = section(
    Topic(Clock.REFUSED, 1),
    Topic(Clock.WAITING, 3, days=10, step=10, kinds=KINDS),
    addressee=Addressee.HEAD,
    reach=Reach.REFUSED,
)
DEPUTY = section(Topic(Clock.WAITING, 3, days=10, step=10), addressee=Addressee.DEPUTY)
STUCK = Topic(Clock.WAITING, 3, days=15, step=15)
LATE = Topic(Clock.REQUEST, 2, days=-10, step=10)
TOWN = section(STUCK, addressee=Addressee.COORDINATOR)
UNREACHED = section(
    STUCK,
    LATE,
    addressee=Addressee.COORDINATOR,
    agency_name="Jobcenter Musterstadt",
    agency_slug="jobcenter",
    reach=Reach.NO_MAILBOX,
)
ALL = {
    "desk": (section(),),
    "everything": (EVERYTHING,),
    "head": (HEAD,),
    "deputy": (DEPUTY,),
    "coordinator": (TOWN, UNREACHED),
    "coordinator of many": tuple(
        section(STUCK, addressee=Addressee.COORDINATOR, agency_name=f"Sprachwerk Nr. {number}")
        for number in range(12)
    ),
    "two agencies": (EVERYTHING, section(ONE, agency_name="Jobcenter Musterstadt")),
    "desk and town": (section(), TOWN),
    "month": (section(Topic(Clock.MONTHLY, 1), month=OCTOBER, own_plan=PLAN),),
    **{clock.value: (section(Topic(clock, 2, 1, 3), month=OCTOBER),) for clock in Clock},
    **{f"one {clock}": (section(Topic(clock, 1, 0, 1), month=OCTOBER),) for clock in Clock},
}
