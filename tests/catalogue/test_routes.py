"""Who may send which paper to whom: the shipped catalogue against a table written by hand.

The table was written from the law and the field, not from the catalogue file. Whatever does not
stand in it is refused: the whole product of kinds, senders and recipients is walked.
"""

from itertools import product

import pytest

from kursdocs.catalogue import AgencyKind, Catalogue, ChoiceFormat, Need, TextFormat, load

PROVIDER = "course_provider"
IMMIGRATION = "immigration_office"
JOBCENTER = "jobcenter"
ASYLUM = "asylum_benefit_office"
EMPLOYMENT = "employment_agency"

# (kind, from, to, need; several needs: one of them is enough)
ALLOWED = [
    # 1 to 6, 10. § 7(1) IntV: the person chooses the provider and presents the paper there. The
    # agency that issued it may do that for them when they released it.
    ("entitlement_ik", IMMIGRATION, PROVIDER, "release"),
    ("obligation_ik_abh", IMMIGRATION, PROVIDER, "release"),
    ("obligation_ik_jc", JOBCENTER, PROVIDER, "release"),
    ("admission_ik_jc", JOBCENTER, PROVIDER, "release"),
    ("obligation_ik_asylblg", ASYLUM, PROVIDER, "release"),
    ("duplicate_notice_ik", IMMIGRATION, PROVIDER, "release"),
    ("duplicate_notice_ik", JOBCENTER, PROVIDER, "release"),
    # What was presented to the provider may go on to an office when the person released it.
    ("entitlement_ik", PROVIDER, IMMIGRATION, "release"),
    ("entitlement_ik", PROVIDER, JOBCENTER, "release"),
    ("obligation_ik_abh", PROVIDER, IMMIGRATION, "release"),
    ("obligation_ik_abh", PROVIDER, JOBCENTER, "release"),
    ("obligation_ik_jc", PROVIDER, JOBCENTER, "release"),
    ("obligation_ik_jc", PROVIDER, IMMIGRATION, "release"),
    ("admission_ik_jc", PROVIDER, JOBCENTER, "release"),
    ("admission_ik_jc", PROVIDER, IMMIGRATION, "release"),
    ("obligation_ik_asylblg", PROVIDER, ASYLUM, "release"),
    ("obligation_ik_asylblg", PROVIDER, IMMIGRATION, "release"),
    ("duplicate_notice_ik", PROVIDER, IMMIGRATION, "release"),
    ("duplicate_notice_ik", PROVIDER, JOBCENTER, "release"),
    # The Federal Office admits people with every kind of livelihood, also under the AsylbLG.
    ("admission_ik_bamf", PROVIDER, IMMIGRATION, "release"),
    ("admission_ik_bamf", PROVIDER, JOBCENTER, "release"),
    ("admission_ik_bamf", PROVIDER, ASYLUM, "release"),
    # 7, 8. § 5 DeuFöV: Jobcenter and employment agency entitle; only the Jobcenter obliges
    # (§ 45a(2) AufenthG). The paper carries the customer number: never to the immigration office.
    ("entitlement_bsk", JOBCENTER, PROVIDER, "release"),
    ("entitlement_bsk", EMPLOYMENT, PROVIDER, "release"),
    ("entitlement_bsk", PROVIDER, JOBCENTER, "release"),
    ("entitlement_bsk", PROVIDER, EMPLOYMENT, "release"),
    ("obligation_bsk", JOBCENTER, PROVIDER, "release"),
    ("obligation_bsk", PROVIDER, JOBCENTER, "release"),
    # 9. § 44a(1) S. 4, 5 AufenthG: the provider must stop reporting, so no release; and the one
    # way between the two offices, the Jobcenter's deviating decision.
    ("obligation_revoked_ik", IMMIGRATION, PROVIDER, "none"),
    ("obligation_revoked_ik", JOBCENTER, PROVIDER, "none"),
    ("obligation_revoked_ik", ASYLUM, PROVIDER, "none"),
    ("obligation_revoked_ik", JOBCENTER, IMMIGRATION, "none"),
    # 11. § 7(3) IntV: no release when the Federal Office assigned the person, else one.
    ("placement_invitation_ik", IMMIGRATION, PROVIDER, "release"),
    ("placement_invitation_ik", JOBCENTER, PROVIDER, "release"),
    ("placement_invitation_ik", ASYLUM, PROVIDER, "release"),
    ("assignment_ik", IMMIGRATION, PROVIDER, "none"),
    ("assignment_ik", JOBCENTER, PROVIDER, "none"),
    ("assignment_ik", ASYLUM, PROVIDER, "none"),
    # 12. Integration course: with the person's consent only. Vocational course: § 9(2) DeuFöV.
    ("placement_result_ik", PROVIDER, IMMIGRATION, "release"),
    ("placement_result_ik", PROVIDER, JOBCENTER, "release"),
    ("placement_result_ik", PROVIDER, ASYLUM, "release"),
    ("placement_result_bsk", PROVIDER, JOBCENTER, "issuing_body"),
    ("placement_result_bsk", PROVIDER, EMPLOYMENT, "issuing_body"),
    # 13. § 7(2) IntV: obliged persons prove their registration to ABH, JC or AsylbLG office. It is
    # their duty, the provider is their messenger.
    ("registration_confirmation_ik", PROVIDER, IMMIGRATION, "release"),
    ("registration_confirmation_ik", PROVIDER, JOBCENTER, "release"),
    ("registration_confirmation_ik", PROVIDER, ASYLUM, "release"),
    # § 7(3) DeuFöV: the provider's own duty, towards the body that obliged the person.
    ("registration_confirmation_bsk", PROVIDER, JOBCENTER, "obliging_body"),
    ("registration_confirmation_bsk", PROVIDER, EMPLOYMENT, "obliging_body"),
    # 14, 15. Integration course: the person's choice. Vocational course: § 9(2), (3) DeuFöV.
    ("start_notice_ik", PROVIDER, IMMIGRATION, "release"),
    ("start_notice_ik", PROVIDER, JOBCENTER, "release"),
    ("start_notice_ik", PROVIDER, ASYLUM, "release"),
    ("start_notice_bsk", PROVIDER, JOBCENTER, "issuing_body"),
    ("start_notice_bsk", PROVIDER, EMPLOYMENT, "issuing_body"),
    ("course_not_formed_ik", PROVIDER, IMMIGRATION, "release"),
    ("course_not_formed_ik", PROVIDER, JOBCENTER, "release"),
    ("course_not_formed_ik", PROVIDER, ASYLUM, "release"),
    ("course_not_formed_bsk", PROVIDER, JOBCENTER, "issuing_body"),
    ("course_not_formed_bsk", PROVIDER, EMPLOYMENT, "issuing_body"),
    # 16. § 14(6) S. 4 to 7 IntV: the provider must answer once the person did not.
    ("attendance_request_ik", IMMIGRATION, PROVIDER, "none"),
    ("attendance_request_ik", JOBCENTER, PROVIDER, "none"),
    ("attendance_request_ik", ASYLUM, PROVIDER, "none"),
    # 17. § 14(6) IntV: the person asks for it and decides who gets it, or 16 came before.
    ("attendance_certificate_ik", PROVIDER, IMMIGRATION, "release or prior_request"),
    ("attendance_certificate_ik", PROVIDER, JOBCENTER, "release or prior_request"),
    ("attendance_certificate_ik", PROVIDER, ASYLUM, "release or prior_request"),
    # 18, 19. § 8(3) S. 1 IntV, § 88a(1) S. 2 AufenthG: each body that obliged the person, no other.
    ("nonattendance_report_ik", PROVIDER, IMMIGRATION, "obliging_body"),
    ("nonattendance_report_ik", PROVIDER, JOBCENTER, "obliging_body"),
    ("nonattendance_report_ik", PROVIDER, ASYLUM, "obliging_body"),
    ("dropout_report_ik", PROVIDER, IMMIGRATION, "obliging_body"),
    ("dropout_report_ik", PROVIDER, JOBCENTER, "obliging_body"),
    ("dropout_report_ik", PROVIDER, ASYLUM, "obliging_body"),
    # § 9(5) DeuFöV: dropout to the issuing body, irregular attendance to the Jobcenter.
    ("nonattendance_report_bsk", PROVIDER, JOBCENTER, "issuing_body"),
    ("dropout_report_bsk", PROVIDER, JOBCENTER, "issuing_body"),
    ("dropout_report_bsk", PROVIDER, EMPLOYMENT, "issuing_body"),
    # 20. § 14(4) IntV: from the former provider to the new one.
    ("provider_change_ik", PROVIDER, PROVIDER, "release"),
    # 21. Integration course: the person's choice. Vocational course: § 15(2) DeuFöV.
    ("exam_result_ik", PROVIDER, IMMIGRATION, "release"),
    ("exam_result_ik", PROVIDER, JOBCENTER, "release"),
    ("exam_result_bsk", PROVIDER, JOBCENTER, "issuing_body"),
    ("exam_result_bsk", PROVIDER, EMPLOYMENT, "issuing_body"),
    # 22. The person's choice; the original is paper only (§ 17(4) IntV).
    ("certificate_ik_copy", PROVIDER, IMMIGRATION, "release"),
    ("certificate_ik_copy", PROVIDER, JOBCENTER, "release"),
    # 23. § 15(4) DeuFöV.
    ("participation_cert_bsk", PROVIDER, JOBCENTER, "issuing_body"),
    ("participation_cert_bsk", PROVIDER, EMPLOYMENT, "issuing_body"),
    # 24. § 17(2) S. 3 IntV, § 8(1) DeuFöV: what the person brought along, and where they want it.
    ("language_cert_external", PROVIDER, IMMIGRATION, "release"),
    ("language_cert_external", PROVIDER, JOBCENTER, "release"),
    ("language_cert_external", PROVIDER, EMPLOYMENT, "release"),
    ("language_cert_external", JOBCENTER, PROVIDER, "release"),
    # 25, 26. The Federal Office tells the person, who shows it to the next provider too.
    ("fee_exemption_ik", PROVIDER, PROVIDER, "release"),
    ("travel_subsidy_ik", PROVIDER, PROVIDER, "release"),
    ("travel_subsidy_bsk", PROVIDER, PROVIDER, "release"),
]

# Some of the refused ones, with the reason why it would be bad to allow them.
REFUSED = [
    # No lateral view between immigration office and Jobcenter.
    ("entitlement_ik", IMMIGRATION, JOBCENTER),
    ("obligation_ik_abh", IMMIGRATION, JOBCENTER),
    ("obligation_ik_jc", JOBCENTER, IMMIGRATION),
    ("admission_ik_jc", JOBCENTER, IMMIGRATION),
    ("certificate_ik_copy", JOBCENTER, IMMIGRATION),
    ("obligation_revoked_ik", IMMIGRATION, JOBCENTER),
    ("duplicate_notice_ik", JOBCENTER, IMMIGRATION),
    ("placement_invitation_ik", JOBCENTER, IMMIGRATION),
    # An office sends what it issued itself, not what another one did.
    ("entitlement_ik", JOBCENTER, PROVIDER),
    ("obligation_ik_abh", JOBCENTER, PROVIDER),
    ("obligation_ik_jc", IMMIGRATION, PROVIDER),
    ("admission_ik_jc", IMMIGRATION, PROVIDER),
    ("obligation_ik_asylblg", IMMIGRATION, PROVIDER),
    ("obligation_bsk", EMPLOYMENT, PROVIDER),
    # The Federal Office sends its admission to the person; no agency here issues it.
    ("admission_ik_bamf", IMMIGRATION, PROVIDER),
    ("admission_ik_bamf", JOBCENTER, PROVIDER),
    # The law on vocational courses gives the immigration office no part in them, and the papers
    # carry the customer number, which that office must never learn. § 88a(3) S. 3 AufenthG would
    # allow it to hear of a dropout; that is off.
    ("entitlement_bsk", PROVIDER, IMMIGRATION),
    ("registration_confirmation_bsk", PROVIDER, IMMIGRATION),
    ("registration_confirmation_bsk", PROVIDER, ASYLUM),
    ("placement_result_bsk", PROVIDER, IMMIGRATION),
    ("nonattendance_report_bsk", PROVIDER, IMMIGRATION),
    ("dropout_report_bsk", PROVIDER, IMMIGRATION),
    ("exam_result_bsk", PROVIDER, IMMIGRATION),
    ("participation_cert_bsk", PROVIDER, IMMIGRATION),
    # Irregular attendance concerns the Jobcenter (§ 9(5) DeuFöV), nobody else.
    ("nonattendance_report_bsk", PROVIDER, EMPLOYMENT),
    # Who lives on basic income support gets nothing from the asylum benefit office.
    ("admission_ik_jc", PROVIDER, ASYLUM),
    ("obligation_ik_jc", PROVIDER, ASYLUM),
    ("obligation_ik_asylblg", PROVIDER, JOBCENTER),
    # The employment agency has no part in integration courses.
    ("attendance_certificate_ik", PROVIDER, EMPLOYMENT),
    ("registration_confirmation_ik", PROVIDER, EMPLOYMENT),
    ("nonattendance_report_ik", PROVIDER, EMPLOYMENT),
    # Providers do not exchange papers about people, but for a change of provider.
    ("admission_ik_jc", PROVIDER, PROVIDER),
    ("certificate_ik_copy", PROVIDER, PROVIDER),
    ("nonattendance_report_ik", PROVIDER, PROVIDER),
    ("attendance_certificate_ik", PROVIDER, PROVIDER),
    # No office learns that somebody changed the provider, or who pays fees and fares.
    ("provider_change_ik", PROVIDER, JOBCENTER),
    ("provider_change_ik", PROVIDER, IMMIGRATION),
    ("fee_exemption_ik", PROVIDER, JOBCENTER),
    ("travel_subsidy_ik", PROVIDER, IMMIGRATION),
    # Only the provider knows of registration and attendance: offices do not pass it round.
    ("registration_confirmation_ik", JOBCENTER, PROVIDER),
    ("attendance_certificate_ik", IMMIGRATION, PROVIDER),
    ("nonattendance_report_ik", JOBCENTER, IMMIGRATION),
    # A request goes to who can answer it.
    ("attendance_request_ik", PROVIDER, JOBCENTER),
    ("attendance_request_ik", IMMIGRATION, JOBCENTER),
]

AGENCY_KINDS = [PROVIDER, IMMIGRATION, JOBCENTER, ASYLUM, EMPLOYMENT]

# (group, kind, fields; ? = may stay empty, retention, the date it runs from)
KINDS = [
    ("entitlement", "entitlement_ik", "bamf_person_no? issued_on expires_on", "R2", "expires_on"),
    (
        "entitlement",
        "obligation_ik_abh",
        "bamf_person_no? issued_on expires_on?",
        "R2",
        "expires_on",
    ),
    ("entitlement", "obligation_ik_jc", "bamf_person_no? issued_on expires_on", "R2", "expires_on"),
    ("entitlement", "admission_ik_jc", "bamf_person_no? issued_on expires_on", "R2", "expires_on"),
    (
        "entitlement",
        "admission_ik_bamf",
        "bamf_person_no? issued_on expires_on",
        "R2",
        "expires_on",
    ),
    (
        "entitlement",
        "obligation_ik_asylblg",
        "bamf_person_no? issued_on expires_on",
        "R2",
        "expires_on",
    ),
    (
        "entitlement",
        "entitlement_bsk",
        "customer_no? issued_on expires_on target_level? region_limit?",
        "R2",
        "expires_on",
    ),
    (
        "entitlement",
        "obligation_bsk",
        "customer_no? issued_on expires_on target_level? region_limit?",
        "R2",
        "expires_on",
    ),
    (
        "entitlement",
        "obligation_revoked_ik",
        "obligation_issued_on? effective_on",
        "R2",
        "effective_on",
    ),
    (
        "entitlement",
        "duplicate_notice_ik",
        "bamf_person_no? duplicate_of issued_on expires_on? lesson_units_used?",
        "R2",
        "expires_on",
    ),
    (
        "placement",
        "placement_invitation_ik",
        "test_on test_time? test_place reserve_until?",
        "R1",
        "",
    ),
    (
        "placement",
        "assignment_ik",
        "bamf_person_no? test_on test_time? test_place reserve_until?",
        "R1",
        "",
    ),
    (
        "placement",
        "placement_result_ik",
        "tested_on placement_level course_section? course_type?",
        "R3",
        "tested_on",
    ),
    (
        "placement",
        "placement_result_bsk",
        "customer_no? tested_on placement_level",
        "R3",
        "tested_on",
    ),
    (
        "course",
        "registration_confirmation_ik",
        "issued_on planned_start_on course_no?",
        "R2",
        "planned_start_on",
    ),
    (
        "course",
        "registration_confirmation_bsk",
        "customer_no? issued_on planned_start_on course_no?",
        "R2",
        "planned_start_on",
    ),
    ("course", "start_notice_ik", "start_on attendance_mode? course_no?", "R3", "start_on"),
    (
        "course",
        "start_notice_bsk",
        "customer_no? start_on attendance_mode? course_no?",
        "R3",
        "start_on",
    ),
    ("course", "course_not_formed_ik", "registered_on not_formed_reason", "R1", ""),
    ("course", "course_not_formed_bsk", "customer_no? registered_on not_formed_reason", "R1", ""),
    (
        "course",
        "provider_change_ik",
        "bamf_person_no? change_on lesson_units_left change_reason",
        "R3",
        "change_on",
    ),
    (
        "reports",
        "attendance_request_ik",
        "person_asked_on answer_due_on period_from? period_to?",
        "R1",
        "",
    ),
    (
        "reports",
        "attendance_certificate_ik",
        "issued_on period_from period_to proper_participation lesson_units? course_no?",
        "R3",
        "period_to",
    ),
    ("reports", "nonattendance_report_ik", "period_from period_to missed_lesson_units", "R1", ""),
    (
        "reports",
        "nonattendance_report_bsk",
        "customer_no? period_from period_to missed_lesson_units",
        "R1",
        "",
    ),
    ("reports", "dropout_report_ik", "last_attended_on dropout_reason", "R1", ""),
    ("reports", "dropout_report_bsk", "customer_no? last_attended_on dropout_reason", "R1", ""),
    ("results", "exam_result_ik", "exam_on exam_ik exam_outcome_ik", "R3", "exam_on"),
    ("results", "exam_result_bsk", "customer_no? exam_on exam_level exam_passed", "R3", "exam_on"),
    ("results", "certificate_ik_copy", "issued_on language_level", "R4", ""),
    (
        "results",
        "participation_cert_bsk",
        "customer_no? period_from period_to learning_progress",
        "R3",
        "period_to",
    ),
    ("results", "language_cert_external", "issued_on cefr_level exam_body", "R3", "issued_on"),
    ("other", "fee_exemption_ik", "valid_from change_on", "R3", "change_on"),
    ("other", "travel_subsidy_ik", "issued_on course_no change_on", "R3", "change_on"),
    ("other", "travel_subsidy_bsk", "issued_on course_no change_on", "R3", "change_on"),
]

# Reports with consequences, appointments and the end of a duty cannot wait a week.
URGENT = {
    "obligation_revoked_ik",
    "placement_invitation_ik",
    "assignment_ik",
    "nonattendance_report_ik",
    "nonattendance_report_bsk",
    "dropout_report_ik",
    "dropout_report_bsk",
}


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return load()


def test_the_table_names_exactly_the_kinds_of_the_catalogue() -> None:
    assert [(kind.group.code, kind.code) for kind in load().kinds] == [
        (group, code) for group, code, *_ in KINDS
    ]
    assert set(AGENCY_KINDS) == set(AgencyKind)


def test_every_combination_is_allowed_or_refused_as_written_by_hand() -> None:
    catalogue = load()
    expected = {(kind, sender, recipient): need for kind, sender, recipient, need in ALLOWED}
    assert len(expected) == len(ALLOWED), "the table names a combination twice"

    found = {}
    for (_, code, *_), sender, recipient in product(KINDS, AGENCY_KINDS, AGENCY_KINDS):
        route = catalogue.route(code, AgencyKind(sender), AgencyKind(recipient))
        if route is not None:
            found[code, sender, recipient] = " or ".join(route.needs)

    assert found == expected


@pytest.mark.parametrize(("code", "sender", "recipient"), REFUSED)
def test_what_must_never_travel_has_no_route(
    shipped: Catalogue, code: str, sender: str, recipient: str
) -> None:
    route = shipped.route(code, AgencyKind(sender), AgencyKind(recipient))

    assert route is None


def test_every_route_cites_its_law() -> None:
    for kind in load().kinds:
        for route in kind.routes:
            assert "§" in route.ground, kind.code
            assert any(law in route.ground for law in ("IntV", "DeuFöV", "AufenthG")), kind.code


def test_each_programme_cites_its_own_law() -> None:
    for kind in load().kinds:
        for route in kind.routes:
            assert "_ik" not in kind.code or "DeuFöV" not in route.ground, kind.code
            assert "_bsk" not in kind.code or "IntV" not in route.ground, kind.code


def test_what_reaches_the_immigration_office_without_a_release_is_counted_on_one_hand() -> None:
    found = {
        kind.code
        for kind in load().kinds
        for route in kind.routes
        if AgencyKind.IMMIGRATION_OFFICE in route.recipients and route.needs != (Need.RELEASE,)
    }

    assert found == {
        "obligation_revoked_ik",
        "attendance_certificate_ik",
        "nonattendance_report_ik",
        "dropout_report_ik",
    }


def test_immigration_office_and_jobcenter_have_one_way_between_them() -> None:
    offices = {AgencyKind.IMMIGRATION_OFFICE, AgencyKind.JOBCENTER}

    found = [
        (kind.code, str(route.sender), route.ground)
        for kind in load().kinds
        for route in kind.routes
        for recipient in route.recipients
        if {route.sender, recipient} == offices
    ]

    assert found == [
        (
            "obligation_revoked_ik",
            "jobcenter",
            "§ 44a Abs. 1 Satz 4 AufenthG (abweichende Entscheidung)",
        )
    ]


def test_reports_with_consequences_need_a_second_person_and_no_others_do() -> None:
    assert {kind.code for kind in load().kinds if kind.four_eyes} == {
        "nonattendance_report_ik",
        "nonattendance_report_bsk",
        "dropout_report_ik",
        "dropout_report_bsk",
    }


def test_a_dropout_report_says_how_it_ended_and_never_why() -> None:
    reason = load().fields["dropout_reason"].format

    assert isinstance(reason, ChoiceFormat)
    assert [option.code for option in reason.options] == [
        "not_returned",
        "deregistered",
        "moved_away",
        "excluded",
    ]


def test_reports_carry_no_free_text() -> None:
    for kind in load().kinds:
        if kind.four_eyes:
            assert not any(isinstance(one.field.format, TextFormat) for one in kind.fields)


def test_the_customer_number_stands_on_every_vocational_paper_and_on_no_other() -> None:
    with_number = {
        kind.code
        for kind in load().kinds
        if any(one.field.name == "customer_no" for one in kind.fields)
    }

    # A notice of the Federal Office carries none.
    assert with_number == {code for _, code, *_ in KINDS if code.endswith("_bsk")} - {
        "travel_subsidy_bsk"
    }


def test_the_immigration_office_learns_neither_customer_number_nor_attendance_reasons() -> None:
    received = load().receivable_by(AgencyKind.IMMIGRATION_OFFICE)

    names = {asked.field.name for kind in received for asked in kind.fields}

    assert names == {
        "attendance_mode",
        "bamf_person_no",
        "cefr_level",
        "course_no",
        "course_section",
        "course_type",
        "dropout_reason",
        "duplicate_of",
        "effective_on",
        "exam_body",
        "exam_ik",
        "exam_on",
        "exam_outcome_ik",
        "expires_on",
        "issued_on",
        "language_level",
        "last_attended_on",
        "lesson_units",
        "lesson_units_used",
        "missed_lesson_units",
        "not_formed_reason",
        "obligation_issued_on",
        "period_from",
        "period_to",
        "placement_level",
        "planned_start_on",
        "proper_participation",
        "registered_on",
        "start_on",
        "tested_on",
    }


def test_each_kind_asks_for_the_fields_of_its_paper() -> None:
    asked = {
        kind.code: " ".join(one.field.name + ("" if one.required else "?") for one in kind.fields)
        for kind in load().kinds
    }

    assert asked == {code: fields for _, code, fields, *_ in KINDS}


def test_every_field_is_asked_for_by_some_kind() -> None:
    catalogue = load()

    assert set(catalogue.fields) == {
        one.field.name for kind in catalogue.kinds for one in kind.fields
    }


def test_each_kind_has_its_retention_class_and_the_day_it_runs_from() -> None:
    kept = {kind.code: (kind.retention.code, kind.kept_from) for kind in load().kinds}

    assert kept == {code: (retention, start) for _, code, _, retention, start in KINDS}


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


def test_a_recipient_has_a_working_week_to_take_over_and_two_days_for_what_is_urgent() -> None:
    due = {kind.code: kind.due_working_days for kind in load().kinds}

    assert due == {code: 2 if code in URGENT else 5 for _, code, *_ in KINDS}
