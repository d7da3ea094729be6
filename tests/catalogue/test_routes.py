"""Who may send which paper to whom: the shipped catalogue against a table written by hand.

The table was written from the law and the field, not from the catalogue file. Whatever does not
stand in it is refused: the whole product of kinds, senders and recipients is walked.
"""

from itertools import product

import pytest

from kursdocs.catalogue import AgencyKind, Need, load

PROVIDER = "course_provider"
IMMIGRATION = "immigration_office"
JOBCENTER = "jobcenter"
ASYLUM = "asylum_benefit_office"
EMPLOYMENT = "employment_agency"

# (kind, from, to, need)
ALLOWED = [
    # § 7(1) IntV: the person chooses the provider and presents the paper there. The agency that
    # issued it may do that for them when they released it.
    ("entitlement_ik", IMMIGRATION, PROVIDER, "release"),
    ("obligation_ik_abh", IMMIGRATION, PROVIDER, "release"),
    ("obligation_ik_jc", JOBCENTER, PROVIDER, "release"),
    ("admission_ik_jc", JOBCENTER, PROVIDER, "release"),
    # What was presented to the provider may go on to an office when the person released it.
    ("entitlement_ik", PROVIDER, IMMIGRATION, "release"),
    ("entitlement_ik", PROVIDER, JOBCENTER, "release"),
    ("obligation_ik_abh", PROVIDER, IMMIGRATION, "release"),
    ("obligation_ik_abh", PROVIDER, JOBCENTER, "release"),
    ("obligation_ik_jc", PROVIDER, JOBCENTER, "release"),
    ("obligation_ik_jc", PROVIDER, IMMIGRATION, "release"),
    ("admission_ik_jc", PROVIDER, JOBCENTER, "release"),
    ("admission_ik_jc", PROVIDER, IMMIGRATION, "release"),
    # The Federal Office admits people with every kind of livelihood, also under the AsylbLG.
    ("admission_ik_bamf", PROVIDER, IMMIGRATION, "release"),
    ("admission_ik_bamf", PROVIDER, JOBCENTER, "release"),
    ("admission_ik_bamf", PROVIDER, ASYLUM, "release"),
    # § 7(2) IntV: obliged persons prove their registration to ABH, JC or AsylbLG office. It is
    # their duty, the provider is their messenger.
    ("registration_confirmation_ik", PROVIDER, IMMIGRATION, "release"),
    ("registration_confirmation_ik", PROVIDER, JOBCENTER, "release"),
    ("registration_confirmation_ik", PROVIDER, ASYLUM, "release"),
    # § 7(3) DeuFöV: the provider's own duty, towards the body that obliged the person.
    ("registration_confirmation_bsk", PROVIDER, JOBCENTER, "obliging_body"),
    ("registration_confirmation_bsk", PROVIDER, EMPLOYMENT, "obliging_body"),
    # § 14(6) IntV: the person asks for it and decides who gets it.
    ("attendance_certificate_ik", PROVIDER, IMMIGRATION, "release"),
    ("attendance_certificate_ik", PROVIDER, JOBCENTER, "release"),
    ("attendance_certificate_ik", PROVIDER, ASYLUM, "release"),
    # The person's choice; the original is paper only (§ 17(4) IntV).
    ("certificate_ik_copy", PROVIDER, IMMIGRATION, "release"),
    ("certificate_ik_copy", PROVIDER, JOBCENTER, "release"),
]

# A few of the refused ones, with the reason why it would be bad to allow them.
REFUSED = [
    # No lateral view between immigration office and Jobcenter.
    ("entitlement_ik", IMMIGRATION, JOBCENTER),
    ("obligation_ik_abh", IMMIGRATION, JOBCENTER),
    ("obligation_ik_jc", JOBCENTER, IMMIGRATION),
    ("admission_ik_jc", JOBCENTER, IMMIGRATION),
    ("certificate_ik_copy", JOBCENTER, IMMIGRATION),
    # An office sends what it issued itself, not what another one did.
    ("entitlement_ik", JOBCENTER, PROVIDER),
    ("obligation_ik_abh", JOBCENTER, PROVIDER),
    ("obligation_ik_jc", IMMIGRATION, PROVIDER),
    ("admission_ik_jc", IMMIGRATION, PROVIDER),
    # The Federal Office sends its admission to the person; no agency here issues it.
    ("admission_ik_bamf", IMMIGRATION, PROVIDER),
    ("admission_ik_bamf", JOBCENTER, PROVIDER),
    # The law on vocational courses gives the immigration office no part in registrations, and the
    # paper carries the customer number, which that office must never learn.
    ("registration_confirmation_bsk", PROVIDER, IMMIGRATION),
    ("registration_confirmation_bsk", PROVIDER, ASYLUM),
    # Who lives on basic income support gets nothing from the asylum benefit office.
    ("admission_ik_jc", PROVIDER, ASYLUM),
    ("obligation_ik_jc", PROVIDER, ASYLUM),
    # The employment agency has no part in integration courses.
    ("attendance_certificate_ik", PROVIDER, EMPLOYMENT),
    ("registration_confirmation_ik", PROVIDER, EMPLOYMENT),
    # Providers do not exchange papers about people; a change of provider is another kind.
    ("admission_ik_jc", PROVIDER, PROVIDER),
    ("certificate_ik_copy", PROVIDER, PROVIDER),
    # Only the provider knows of registration and attendance: offices do not pass it round.
    ("registration_confirmation_ik", JOBCENTER, PROVIDER),
    ("attendance_certificate_ik", IMMIGRATION, PROVIDER),
]

KINDS = [
    "entitlement_ik",
    "obligation_ik_abh",
    "obligation_ik_jc",
    "admission_ik_jc",
    "admission_ik_bamf",
    "registration_confirmation_ik",
    "registration_confirmation_bsk",
    "attendance_certificate_ik",
    "certificate_ik_copy",
]
AGENCY_KINDS = [PROVIDER, IMMIGRATION, JOBCENTER, ASYLUM, EMPLOYMENT]

# (kind, fields; ? = may stay empty)
FIELDS = {
    "entitlement_ik": "bamf_person_no? issued_on expires_on",
    "obligation_ik_abh": "bamf_person_no? issued_on expires_on?",
    "obligation_ik_jc": "bamf_person_no? issued_on expires_on",
    "admission_ik_jc": "bamf_person_no? issued_on expires_on",
    "admission_ik_bamf": "bamf_person_no? issued_on expires_on",
    "registration_confirmation_ik": "issued_on planned_start_on course_no?",
    "registration_confirmation_bsk": "customer_no? issued_on planned_start_on course_no?",
    "attendance_certificate_ik": (
        "issued_on period_from period_to proper_participation lesson_units? course_no?"
    ),
    "certificate_ik_copy": "issued_on language_level",
}

RETENTION = {
    "entitlement_ik": ("R2", "expires_on"),
    "obligation_ik_abh": ("R2", "expires_on"),
    "obligation_ik_jc": ("R2", "expires_on"),
    "admission_ik_jc": ("R2", "expires_on"),
    "admission_ik_bamf": ("R2", "expires_on"),
    "registration_confirmation_ik": ("R2", "planned_start_on"),
    "registration_confirmation_bsk": ("R2", "planned_start_on"),
    "attendance_certificate_ik": ("R3", "period_to"),
    "certificate_ik_copy": ("R4", ""),
}


def test_the_table_names_exactly_the_kinds_of_the_catalogue() -> None:
    assert [kind.code for kind in load().kinds] == KINDS
    assert set(AGENCY_KINDS) == set(AgencyKind)


def test_every_combination_is_allowed_or_refused_as_written_by_hand() -> None:
    catalogue = load()
    expected = {(kind, sender, recipient): need for kind, sender, recipient, need in ALLOWED}
    assert len(expected) == len(ALLOWED), "the table names a combination twice"

    found = {}
    for code, sender, recipient in product(KINDS, AGENCY_KINDS, AGENCY_KINDS):
        route = catalogue.route(code, AgencyKind(sender), AgencyKind(recipient))
        if route is not None:
            found[code, sender, recipient] = str(route.need)

    assert found == expected


@pytest.mark.parametrize(("code", "sender", "recipient"), REFUSED)
def test_what_must_never_travel_has_no_route(code: str, sender: str, recipient: str) -> None:
    route = load().route(code, AgencyKind(sender), AgencyKind(recipient))

    assert route is None


def test_every_route_cites_its_law() -> None:
    for kind in load().kinds:
        for route in kind.routes:
            assert "§" in route.ground, kind.code
            assert "IntV" in route.ground or "DeuFöV" in route.ground, kind.code


def test_nothing_reaches_the_immigration_office_without_a_release() -> None:
    needs = {
        route.need
        for kind in load().kinds
        for route in kind.routes
        if AgencyKind.IMMIGRATION_OFFICE in route.recipients
    }

    assert needs == {Need.RELEASE}


def test_the_immigration_office_learns_neither_customer_number_nor_attendance_reasons() -> None:
    received = load().receivable_by(AgencyKind.IMMIGRATION_OFFICE)

    names = {asked.field.name for kind in received for asked in kind.fields}

    assert names == {
        "bamf_person_no",
        "issued_on",
        "expires_on",
        "planned_start_on",
        "course_no",
        "period_from",
        "period_to",
        "proper_participation",
        "lesson_units",
        "language_level",
    }


def test_each_kind_asks_for_the_fields_of_its_paper() -> None:
    asked = {
        kind.code: " ".join(one.field.name + ("" if one.required else "?") for one in kind.fields)
        for kind in load().kinds
    }

    assert asked == FIELDS


def test_each_kind_has_its_retention_class_and_the_day_it_runs_from() -> None:
    kept = {kind.code: (kind.retention.code, kind.kept_from) for kind in load().kinds}

    assert kept == RETENTION


def test_the_retention_classes_are_those_of_the_field() -> None:
    classes = {
        one.code: (str(one.start), one.days, one.months, one.max_months)
        for one in load().retentions
    }

    assert classes == {
        "R1": ("last_acknowledged", 30, 0, 6),
        "R2": ("validity_end", 0, 3, 15),
        "R3": ("course_end", 0, 6, 60),
        "R4": ("case_closed", 0, 12, 60),
        "R5": ("revoked", 0, 12, 60),
    }


def test_every_paper_that_must_stay_out_is_listed_with_a_reason() -> None:
    excluded = load().excluded

    assert {paper.code for paper in excluded} == {
        "medical_certificate",
        "passport_copy",
        "residence_permit",
        "benefit_notice",
        "cooperation_plan",
        "signature_list",
        "bank_details",
        "exam_papers",
    }
    assert all(paper.reason.de and paper.reason.en for paper in excluded)


def test_a_recipient_has_a_working_week_to_take_over() -> None:
    assert {kind.due_working_days for kind in load().kinds} == {5}
