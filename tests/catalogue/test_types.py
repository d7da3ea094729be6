"""Questions asked of a loaded catalogue."""

import dataclasses

import pytest

from kursdocs.catalogue import Addressee, AgencyKind, Catalogue, Need, Text, load


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def codes_of(kinds: tuple[object, ...]) -> list[str]:
    return [getattr(kind, "code", "") for kind in kinds]


def test_english_readers_get_english_and_everybody_else_german() -> None:
    text = Text(de="Zulassung", en="admission")

    assert [text.get(language) for language in ("en", "en-GB", "EN", "de", "uk", "")] == [
        "admission",
        "admission",
        "admission",
        "Zulassung",
        "Zulassung",
        "Zulassung",
    ]


def test_a_kind_is_found_by_its_code_only(catalogue: Catalogue) -> None:
    found = catalogue.kind("admission_ik_jc")

    assert found is not None
    assert found.name.de == "Zulassung zum Integrationskurs (Jobcenter)"
    assert catalogue.kind("medical_certificate") is None
    assert catalogue.kind("") is None


def test_a_route_is_found_by_code_and_by_kind(catalogue: Catalogue) -> None:
    sender, recipient = AgencyKind.COURSE_PROVIDER, AgencyKind.JOBCENTER
    kind = catalogue.kind("admission_ik_jc")
    assert kind is not None

    route = catalogue.route(kind, sender, recipient)

    assert route is not None
    assert route.need is Need.RELEASE
    assert catalogue.route("admission_ik_jc", sender, recipient) is route
    assert catalogue.route("unknown", sender, recipient) is None


def test_recipients_are_those_of_all_routes_of_the_sender(catalogue: Catalogue) -> None:
    provider = catalogue.recipient_kinds("admission_ik_jc", AgencyKind.COURSE_PROVIDER)
    jobcenter = catalogue.recipient_kinds("admission_ik_jc", AgencyKind.JOBCENTER)
    immigration = catalogue.recipient_kinds("admission_ik_jc", AgencyKind.IMMIGRATION_OFFICE)

    assert provider == (AgencyKind.JOBCENTER, AgencyKind.IMMIGRATION_OFFICE)
    assert jobcenter == (AgencyKind.COURSE_PROVIDER,)
    assert immigration == ()
    assert catalogue.recipient_kinds("unknown", AgencyKind.JOBCENTER) == ()


def test_each_agency_is_offered_only_what_it_may_send(catalogue: Catalogue) -> None:
    assert len(catalogue.sendable_by(AgencyKind.COURSE_PROVIDER)) == 31
    assert codes_of(catalogue.sendable_by(AgencyKind.IMMIGRATION_OFFICE)) == [
        "entitlement_ik",
        "obligation_ik_abh",
        "obligation_revoked_ik",
        "duplicate_notice_ik",
        "placement_invitation_ik",
        "assignment_ik",
        "attendance_request_ik",
    ]
    assert codes_of(catalogue.sendable_by(AgencyKind.EMPLOYMENT_AGENCY)) == ["entitlement_bsk"]


def test_each_agency_knows_what_it_may_be_sent(catalogue: Catalogue) -> None:
    assert codes_of(catalogue.receivable_by(AgencyKind.EMPLOYMENT_AGENCY)) == [
        "entitlement_bsk",
        "placement_result_bsk",
        "registration_confirmation_bsk",
        "start_notice_bsk",
        "course_not_formed_bsk",
        "dropout_report_bsk",
        "exam_result_bsk",
        "participation_cert_bsk",
        "language_cert_external",
    ]


def test_kinds_are_listed_under_their_headings_and_no_heading_stands_empty(
    catalogue: Catalogue,
) -> None:
    offered = catalogue.sendable_by(AgencyKind.IMMIGRATION_OFFICE)

    found = [(group.code, codes_of(kinds)) for group, kinds in catalogue.by_group(offered)]

    assert found == [
        (
            "entitlement",
            ["entitlement_ik", "obligation_ik_abh", "obligation_revoked_ik", "duplicate_notice_ik"],
        ),
        ("placement", ["placement_invitation_ik", "assignment_ik"]),
        ("reports", ["attendance_request_ik"]),
    ]
    assert catalogue.by_group(()) == ()


def test_a_route_tells_all_its_needs_the_usual_one_first(catalogue: Catalogue) -> None:
    provider, jobcenter = AgencyKind.COURSE_PROVIDER, AgencyKind.JOBCENTER

    certificate = catalogue.route("attendance_certificate_ik", provider, jobcenter)
    admission = catalogue.route("admission_ik_jc", provider, jobcenter)

    assert certificate is not None
    assert admission is not None
    assert certificate.needs == (Need.RELEASE, Need.PRIOR_REQUEST)
    assert (certificate.need, certificate.alternatives) == (Need.RELEASE, (Need.PRIOR_REQUEST,))
    assert admission.needs == (Need.RELEASE,)


def test_reasons_and_excluded_papers_are_closed_lists(catalogue: Catalogue) -> None:
    returned = catalogue.return_reason("not_ours")
    withdrawn = catalogue.withdrawal_reason("wrong_recipient")
    excluded = catalogue.excluded_paper("passport_copy")

    assert returned is not None
    assert returned.text.de == "Wir sind nicht zuständig"
    assert withdrawn is not None
    assert withdrawn.text.en == "Sent to the wrong agency"
    assert excluded is not None
    assert catalogue.return_reason("wrong_recipient") is None
    assert catalogue.withdrawal_reason("not_ours") is None
    assert catalogue.excluded_paper("admission_ik_jc") is None


def test_every_agency_kind_and_need_has_a_name(catalogue: Catalogue) -> None:
    assert list(catalogue.agency_kind_names) == list(AgencyKind)
    assert list(catalogue.need_texts) == list(Need)


def test_a_catalogue_cannot_be_changed(catalogue: Catalogue) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalogue.version = "2027-01"  # type: ignore[misc]  # what this test is about


@pytest.mark.parametrize(
    ("addressee", "told_after"),
    [
        (Addressee.DESK, {0: 0, 1: 0, 2: 2, 4: 2, 5: 5, 9: 5, 10: 10, 15: 15, 40: 15}),
        (Addressee.DEPUTY, {0: None, 4: None, 5: 5, 10: 10, 15: 15}),
        (Addressee.HEAD, {5: None, 9: None, 10: 10, 14: 10, 15: 15}),
        (Addressee.COORDINATOR, {10: None, 14: None, 15: 15, 16: 15}),
    ],
)
def test_each_step_of_the_ladder_tells_one_more_and_those_below_again(
    addressee: Addressee, told_after: dict[int, int | None]
) -> None:
    ladder = load().ladders[0]

    assert {days: ladder.step(addressee, days) for days in told_after} == told_after


def test_reports_with_consequences_climb_faster() -> None:
    catalogue = load()
    prompt = {kind.code for kind in catalogue.kinds if kind.ladder.code == "prompt"}

    assert prompt == {kind.code for kind in catalogue.kinds if kind.four_eyes}
