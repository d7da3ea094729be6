"""The closed vocabularies of the catalogue, and texts in its two languages.

The lowest module of the package: every other one builds on it, and it imports nothing of ours.
"""

from dataclasses import dataclass
from enum import StrEnum


class AgencyKind(StrEnum):
    """What an agency can be. A body with two functions is two agencies."""

    COURSE_PROVIDER = "course_provider"
    IMMIGRATION_OFFICE = "immigration_office"
    JOBCENTER = "jobcenter"
    ASYLUM_BENEFIT_OFFICE = "asylum_benefit_office"
    EMPLOYMENT_AGENCY = "employment_agency"


class Need(StrEnum):
    """What must be true before a paper may travel on a route.

    ``OBLIGING_BODY`` and ``ISSUING_BODY`` are not the same: reports about integration courses go
    only to who obliged the person, those about vocational courses to who issued the entitlement.
    """

    NONE = "none"
    RELEASE = "release"
    OBLIGING_BODY = "obliging_body"
    ISSUING_BODY = "issuing_body"
    PRIOR_REQUEST = "prior_request"


class StartEvent(StrEnum):
    """From when on a retention period runs.

    ``LAST_ACKNOWLEDGED``, ``CASE_CLOSED`` and ``REVOKED`` are happenings of a document;
    ``VALIDITY_END`` and ``COURSE_END`` are days named in one of the paper's own fields.
    """

    LAST_ACKNOWLEDGED = "last_acknowledged"
    VALIDITY_END = "validity_end"
    COURSE_END = "course_end"
    CASE_CLOSED = "case_closed"
    REVOKED = "revoked"

    @property
    def is_a_date_of_the_paper(self) -> bool:
        """Whether the kind must say which of its fields holds the day."""
        return self in (StartEvent.VALIDITY_END, StartEvent.COURSE_END)


class Addressee(StrEnum):
    """Who is told of what waits: the agency's own desk, deputy or head, the town's coordinator."""

    DESK = "desk"
    DEPUTY = "deputy"
    HEAD = "head"
    COORDINATOR = "coordinator"


class FollowUpClock(StrEnum):
    """What should follow a paper: it is used before it lapses, proved, or the course starts."""

    LAPSING = "lapsing"
    PROOF = "proof"
    START = "start"


@dataclass(frozen=True)
class Text:
    """One text in German (the official language) and in English."""

    de: str
    en: str

    def get(self, language: str) -> str:
        """The English text for ``en`` and its variants, the German one for everybody else."""
        return self.en if language.lower().split("-")[0] == "en" else self.de
