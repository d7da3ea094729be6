"""Every page with invented content, in its empty, filled and mistaken states.

Used by the tests of the pages, and good for looking at them without the application. Each sample
is the contract of its template: what it names here is what the handler must hand over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

from tests.web.samples_desk import desk_pages, sent_pages
from tests.web.samples_follow_ups import follow_up_pages
from tests.web.samples_integrity import integrity_pages
from tests.web.samples_mail import mail_pages, refusing_boxes
from tests.web.samples_numbers import number_pages
from tests.web.samples_reminders import reminded_deliveries, reminder_pages
from tests.web.samples_requests import request_pages
from tests.web.samples_town import town_pages

from kursdocs import catalogue as rules
from kursdocs.catalogue import AgencyKind, Catalogue
from kursdocs.core.access import ROLE_PERMISSIONS, Role
from kursdocs.core.documents.reasons import DECLINE_REASONS
from kursdocs.web import help, ways_on
from kursdocs.web.pages import Flash, Membership, Page

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TODAY = date(2026, 11, 23)
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
HOSTILE = "<img src=x onerror=alert(1)>\"'"


@dataclass(frozen=True)
class Sample:
    """One page: a name for it, its template, and what the template gets."""

    name: str
    template: str
    page: Page
    context: Mapping[str, object]


def identifier(number: int) -> UUID:
    """A stable id."""
    return UUID(int=0x01A2_0000_0000_7000_8000_0000_0000_0000 + number)


VISITOR = Page(language="de", today=TODAY, path="/", municipality="Musterstadt", is_demo=True)
CLERK = replace(
    VISITOR,
    actor_name="Amina Muster",
    agency_name="Ausländerbehörde Musterstadt",
    memberships=(
        Membership("m1", "Ausländerbehörde Musterstadt · Sachbearbeitung", is_acting=True),
        Membership("m2", "Volkshochschule Musterstadt · Leitung"),
    ),
    permissions=ROLE_PERMISSIONS[Role.HEAD],
    new_count=3,
    has_follow_ups=True,
    follow_ups_open=2,
)
COORDINATOR = replace(
    VISITOR, actor_name="Kim Koordination", permissions=ROLE_PERMISSIONS[Role.COORDINATOR]
)


def delivery(number: int, **changes: object) -> SimpleNamespace:
    """One delivery as lists show it."""
    values: dict[str, object] = {
        "id": identifier(number),
        "document_id": identifier(100 + number),
        "kind": "admission_ik_jc",
        "family_name": "Muster",
        "given_names": "Amina",
        "sender_name": "Volkshochschule Musterstadt",
        "recipient_name": "Ausländerbehörde Musterstadt",
        "state": "new",
        "delivered_at": NOW - timedelta(days=number),
        "opened_at": None,
        "taken_over_at": None,
        "returned_at": None,
        "withdrawn_at": None,
        "blocked_at": None,
        "withdrawal_reason": "",
        "delete_on": None,
        "erased_at": None,
        "due_on": TODAY + timedelta(days=3 - number),
        "return_reason": "",
        "forwarded_by_name": "",
        "replaces_id": None,
        "replaced_by_id": None,
        "acknowledge_since": None,
        "acknowledged_at": None,
        "is_unread": "opened_at" not in changes,
        "is_shown": False,
        "is_ticked": False,
        "claim": None,
    }
    return SimpleNamespace(**(values | changes))


def document(**changes: object) -> SimpleNamespace:
    """One document as its page and receipt show it."""
    values: dict[str, object] = {
        "id": identifier(101),
        "kind": "admission_ik_jc",
        "state": "live",
        "family_name": "Muster",
        "given_names": "Amina",
        "birth_date": date(1990, 4, 1),
        "fields": [("Ausgestellt am", "02.11.2026"), ("BAMF-Personenkennziffer", "123456789")],
        "sha256": SHA256,
        "received_sha256": SHA256[::-1],
        "byte_size": 812_345,
        "page_count": 2,
        "created_at": NOW,
        "stored_at": NOW,
        "withdrawn_at": NOW if changes.get("state") == "withdrawn" else None,
        "is_copy": True,
        "original_at": "Kursakte, Raum 12",
        "end_reason": "",
        "delete_on": date(2028, 1, 13),
        "erased_at": None,
        "is_awaiting_approval": False,
        "replaces": None,
        "replaced_by": None,
        "is_corrected": False,
        "was_delivered": False,
        "correction_reason": "",
        "sent_by_user_id": identifier(7),
        "released": SimpleNamespace(
            given_on=date(2026, 11, 20), form="in_person", noted_by="Vera Beispiel"
        ),
        "deliveries": [],
    }
    return SimpleNamespace(**(values | changes))


def step(sentence: str, name: str = "", days: int | None = 0, **changes: str) -> SimpleNamespace:
    """One step of a delivery's way; without ``days`` it lies ahead."""
    at = NOW - timedelta(days=days) if days is not None else None
    values = {"code": "opened", "agency_name": "", "reason": ""} | changes
    return SimpleNamespace(at=at, sentence=sentence, name=name, **values)


def way(*steps: SimpleNamespace, **changes: object) -> dict[str, object]:
    """What a delivery says of how far it is."""
    done = [one for one in steps if one.at is not None]
    values: dict[str, object] = {
        "steps": steps,
        "latest": done[-1] if done else None,
        "same_day": False,
        "must_acknowledge": False,
        "ground": "§ 7 Abs. 1 IntV (vorgelegt)",
        "forward_release_given_on": None,
    }
    return values | changes


def other(number: int) -> SimpleNamespace:
    """A document that replaces another one or is replaced."""
    return SimpleNamespace(id=identifier(number), kind="admission_ik_jc", stored_at=NOW)


def conflict(sentence: str, *, at: datetime | None = None, by: str = "") -> SimpleNamespace:
    """Why it is too late to settle a delivery."""
    return SimpleNamespace(heading="Das geht jetzt nicht mehr", sentence=sentence, at=at, by=by)


def log_entry(sentence: str, **changes: object) -> SimpleNamespace:
    """One row of the log."""
    values: dict[str, object] = {
        "seq": 204_311,
        "at": NOW,
        "actor_name": "Amina Muster",
        "agency_name": "Ausländerbehörde Musterstadt",
        "sentence": sentence,
        "document_id": None,
        "href": "",
    }
    return SimpleNamespace(**(values | changes))


def form(catalogue: Catalogue, code: str, **changes: object) -> dict[str, object]:
    """What the form of a kind gets, as sent by a course provider."""
    kind = catalogue.kind(code)
    if kind is None:
        raise LookupError(code)
    agencies = [
        ("auslaenderbehoerde", "Ausländerbehörde Musterstadt", AgencyKind.IMMIGRATION_OFFICE),
        ("jobcenter", "Jobcenter Musterstadt", AgencyKind.JOBCENTER),
        ("sprachwerk", "Sprachwerk Musterstadt", AgencyKind.COURSE_PROVIDER),
    ]
    offers = [
        SimpleNamespace(agency=SimpleNamespace(slug=slug, name=name), route=route)
        for slug, name, to in agencies
        if (route := kind.route(AgencyKind.COURSE_PROVIDER, to))
    ]
    typed = SimpleNamespace(
        recipients=(),
        obliging_bodies=(),
        family_name="",
        given_names="",
        birth_date="",
        original_at="",
        release_given_on="",
        release_form="",
        fields={},
    )
    return {
        "kind": kind,
        "offers": offers,
        "typed": typed,
        "errors": {},
        "acting_agency": "vhs-musterstadt",
        "idempotency_key": "7b0c",
        "upload_bytes_max": 32 * 1024 * 1024,
        "request": None,
        "photographs_max": 20,
    } | changes


MISTAKEN = {
    "typed": SimpleNamespace(
        recipients=("jobcenter",),
        obliging_bodies=(),
        family_name="محمد " + HOSTILE,
        given_names="",
        birth_date="31.02.1990",
        original_at="",
        release_given_on="20.11.2026",
        release_form="in_writing",
        fields={"issued_on": "gestern"},
    ),
    "errors": {
        "": "Mit diesem Schlüssel wurde schon etwas anderes gesendet.",
        "recipient": "An diese Stelle darf das Papier nicht gehen.",
        "given_names": "Bitte geben Sie die Vornamen an.",
        "birth_date": "Diesen Tag gibt es nicht.",
        "issued_on": "Bitte schreiben Sie das Datum wie 31.12.2026.",
        "release_form": "Bitte wählen Sie, wie freigegeben wurde.",
    },
}

SHOW: dict[str, object] = {
    "sender_name": "Volkshochschule Musterstadt",
    "own": None,
    "can_read": True,
    "can_settle": False,
    "can": SimpleNamespace(
        withdraw=False, correct=False, resend=False, acknowledge=False, forward=False
    ),
    "claim": None,
    "copied": SimpleNamespace(
        kind="admission_ik_jc",
        document_id=identifier(101),
        sender_name="Volkshochschule Musterstadt",
        delivered_at=NOW,
    ),
    "file_name_pattern": "{eingang}_{name}",
    "errors": {},
    "conflict": None,
    "leaving": "weil dann die Frist nach dem Ende der Gültigkeit abgelaufen ist",
    "approval": None,
    "follow_ups": [],
    "reminded": {},
    "decline_reasons": DECLINE_REASONS,
}


def approval(**changes: object) -> SimpleNamespace:
    """What the sender's people see of the second person."""
    values: dict[str, object] = {
        "is_waiting": True,
        "can_decide": True,
        "sent_by": "Vera Beispiel",
        "approved_at": None,
        "approved_by": "",
    }
    return SimpleNamespace(**(values | changes))


def samples() -> list[Sample]:
    """All of them."""
    catalogue = rules.load()
    reasons: dict[str, object] = {
        "return_reasons": catalogue.return_reasons,
        "withdrawal_reasons": catalogue.withdrawal_reasons,
    }
    return [
        *_account_pages(),
        *_inbox_pages(),
        *_sending_pages(catalogue),
        *_document_pages(reasons, catalogue.return_reasons[0].code),
        *_member_pages(),
        *_joining_pages(catalogue),
        *_other_pages(catalogue),
        *_help_pages(catalogue),
        *_desk_pages(),
        *(
            Sample(name, template, replace(CLERK, path=path), context)
            for pages in (request_pages, follow_up_pages)
            for name, template, path, context in pages(catalogue, HOSTILE, NOW)
        ),
    ]


def _desk_pages() -> list[Sample]:
    page = replace(CLERK, path="/desk")
    found = (
        ("desk", "desk/index.html", desk_pages()),
        ("desk-sent", "desk/sent.html", sent_pages()),
        ("desk-stored", "desk/stored.html", {"one": {"ids": ["d1"]}}),
    )
    return [
        Sample(f"{name}-{state}", template, page, context)
        for name, template, states in found
        for state, context in states.items()
    ]


def _account_pages() -> list[Sample]:
    nobody = {"issuer": "https://anmeldung.musterstadt.example", "subject_tail": "…c4f2"}
    without_role = replace(VISITOR, actor_name="Lin Probe")
    elsewhere = {
        "membership_id": "m2",
        "wanted": "Volkshochschule Musterstadt",
        "return_to": "/lists/vhs-musterstadt/waiting",
    }
    return [
        Sample("sign-in", "accounts/sign_in.html", VISITOR, {"start_href": "/sign-in/start"}),
        Sample("signed-out", "accounts/signed_out.html", replace(VISITOR, is_demo=False), {}),
        Sample("no-role", "accounts/no_role.html", without_role, nobody | {"contact": ""}),
        Sample("other-agency", "lists/other_agency.html", CLERK, elsewhere),
    ]


def _inbox_pages() -> list[Sample]:
    rows = {
        "new": [
            delivery(1),
            delivery(4, given_names="Omar", family_name="Beispiel", opened_at=NOW),
            delivery(2, family_name="محمد", given_names="فاطمة", kind="entitlement_ik"),
            delivery(3, family_name=HOSTILE, given_names="X" * 120, sender_name="Sprachwerk"),
        ],
        "taken_over": [
            delivery(5, state="taken_over", taken_over_at=NOW, delete_on=TODAY),
        ],
        "returned": [delivery(6, state="returned", returned_at=NOW, delete_on=TODAY)],
        "erased": [
            delivery(8, state="erased", family_name="", given_names="", erased_at=NOW),
            delivery(9, state="erased", taken_over_at=NOW, erased_at=NOW),
        ],
        "withdrawn": [
            delivery(
                7,
                state="withdrawn",
                family_name="",
                given_names="",
                withdrawn_at=NOW,
                withdrawal_reason="wrong_recipient",
            ),
            delivery(12, state="withdrawn", withdrawn_at=NOW, acknowledge_since=NOW),
            delivery(
                13,
                state="withdrawn",
                withdrawn_at=NOW,
                acknowledge_since=NOW,
                acknowledged_at=NOW,
                replaced_by_id=identifier(14),
            ),
            delivery(
                15,
                state="withdrawn",
                family_name="",
                given_names="",
                blocked_at=NOW,
                withdrawal_reason="infected",
                acknowledge_since=NOW,
            ),
        ],
    }
    pages = []
    for state, deliveries in rows.items():
        page = replace(CLERK, path=f"/inbox?state={state}")
        base: dict[str, object] = {
            "state": state,
            "count_max": 100,
            "approvals_count": 0,
            "blocked_count": 0,
            "refusing": [],
            "leaving_count": 0,
            **_inbox_frame(state),
        }
        base["file_name_pattern"] = "{eingang}_{name}" if state == "withdrawn" else ""
        filled = base | {
            "deliveries": deliveries,
            "counts": {"new": 101, "taken_over": 1, "returned": 1, "withdrawn": 1, "erased": 2},
            "approvals_count": 2,
            "blocked_count": 1 if state == "taken_over" else 2,
            "refusing": refusing_boxes(HOSTILE, NOW),
            "leaving_count": 1,
            "searched": "",
            "is_cut": False,
            "next_href": "/inbox?state=new&after=1",
        }
        settled = filled | {"notice": notice(undo=identifier(1)), "shown": previewed(deliveries[0])}
        pages.append(Sample(f"inbox-{state}-settled", "inbox/index.html", page, settled))
        many = filled | {"notice": notice(undo_many=[identifier(1)], results=RESULTS)}
        pages.append(Sample(f"inbox-{state}-many", "inbox/index.html", page, many))
        narrowed = filled | {"deliveries": [], "is_filtered": True, "is_gone": True}
        pages.append(Sample(f"inbox-{state}-narrowed", "inbox/index.html", page, narrowed))
        empty = base | {
            "deliveries": [],
            "counts": {"new": 0, "taken_over": 0, "returned": 0, "withdrawn": 0, "erased": 0},
            "searched": "",
            "is_cut": False,
            "next_href": "",
        }
        pages.append(Sample(f"inbox-{state}", "inbox/index.html", page, filled))
        pages.append(Sample(f"inbox-{state}-empty", "inbox/index.html", page, empty))
        looked = filled | {"searched": HOSTILE, "is_cut": True}
        pages.append(Sample(f"inbox-{state}-searched", "inbox/index.html", page, looked))
        nobody = empty | {"searched": "Müller"}
        pages.append(Sample(f"inbox-{state}-nobody", "inbox/index.html", page, nobody))
    alone = _inbox_frame("new") | {"shown": previewed(rows["new"][0], error="Bitte wählen")}
    return [*pages, Sample("inbox-preview-mistaken", "inbox/preview.html", CLERK, alone)]


def _inbox_frame(state: str) -> dict[str, object]:
    """What stands around the list of an inbox."""
    ended = delivery(17, acknowledge_since=NOW, replaced_by_id=identifier(18))
    return {
        "is_mine": False,
        "filter": SimpleNamespace(kind="", sender="sprachwerk", due="", order=None),
        "kinds": [("", "Alle", 0), ("admission_ik_jc", "Zulassung", 3)],
        "senders": [("", "Alle", 0), ("sprachwerk", HOSTILE, 1)],
        "list": f"state={state}&sender=sprachwerk",
        "clean": f"state={state}",
        "is_filtered": False,
        "is_ticked": False,
        "is_gone": False,
        "shown": None,
        "notice": None,
        "mine_count": 1,
        "overdue_count": 2,
        "to_acknowledge": [ended, *_ended_deliveries()] if state == "new" else [],
        "more_to_acknowledge": {"new": 1, "taken_over": 0}.get(state, 101),
        "return_reasons": rules.load().return_reasons,
        "can_settle": state == "new",
        "can_acknowledge": True,
        "has_keys": True,
        "version": "1",
    }


def _ended_deliveries() -> list[SimpleNamespace]:
    """What must be taken note of: withdrawn and blocked, with and without having been opened."""
    blocked = {"acknowledge_since": NOW, "blocked_at": NOW, "sender_name": HOSTILE}
    return [
        delivery(19, acknowledge_since=NOW),
        delivery(18, acknowledge_since=NOW, opened_at=NOW),
        delivery(20, opened_at=NOW, **blocked),
        delivery(21, **blocked),
    ]


RESULTS = [
    SimpleNamespace(
        name=HOSTILE,
        kind="entitlement_ik",
        sentence="Zu spät.",
        at=NOW,
        by="Vera Probe",
        until=None,
    ),
    SimpleNamespace(name="Muster", kind="", sentence="Zu spät.", at=NOW, by="", until=None),
    SimpleNamespace(
        name="", kind="", sentence="Jemand arbeitet daran.", at=None, by="Vera Probe", until=NOW
    ),
]


def notice(**changes: object) -> SimpleNamespace:
    """What the inbox says at its top."""
    values: dict[str, object] = {
        "kind": "success",
        "heading": "Übernommen",
        "sentence": "",
        "done": "taken_over",
        "undo": None,
        "undo_many": [],
        "undo_seconds": 9,
        "results": [],
        "despite": identifier(3) if "results" in changes else None,
    }
    return SimpleNamespace(**(values | changes))


def previewed(own: SimpleNamespace, **changes: object) -> SimpleNamespace:
    """A paper beside the list."""
    values: dict[str, object] = {
        "document": document(),
        "own": own,
        "sender_name": HOSTILE,
        "claim": SimpleNamespace(is_mine=False, by=HOSTILE, until=NOW),
        "can_settle": own.state == "new",
        "can_forward": True,
        "can_read": own.state != "erased",
        "error": "",
        "place": SimpleNamespace(list="state=new", next=identifier(2)),
    }
    return SimpleNamespace(**(values | changes))


def _sending_pages(catalogue: Catalogue) -> list[Sample]:
    page = replace(CLERK, path="/documents/new", agency_name="Volkshochschule Musterstadt")
    kinds = catalogue.sendable_by(AgencyKind.COURSE_PROVIDER)
    forms = [
        Sample(
            f"new-{kind.code}",
            "documents/new.html",
            page,
            form(catalogue, kind.code) | {"request": None},
        )
        for kind in kinds
    ]
    return [
        Sample(
            "choose-kind",
            "documents/choose_kind.html",
            page,
            {"groups": catalogue.by_group(kinds), "excluded": catalogue.excluded},
        ),
        Sample(
            "choose-kind-empty", "documents/choose_kind.html", page, {"groups": (), "excluded": []}
        ),
        *forms,
        Sample(
            "new-mistaken",
            "documents/new.html",
            page,
            form(catalogue, "admission_ik_jc", **MISTAKEN) | {"request": None},
        ),
        Sample(
            "new-nobody",
            "documents/new.html",
            page,
            form(catalogue, "admission_ik_jc", offers=[]) | {"request": None},
        ),
    ]


def _correction_forms(page: Page) -> list[Sample]:
    """The forms of papers that are sent anew, filled in and mistaken."""
    catalogue = rules.load()
    asked = form(catalogue, "admission_ik_jc")
    filled: dict[str, object] = {
        **{n: asked[n] for n in ("kind", "offers", "acting_agency", "idempotency_key")},
        **{n: asked[n] for n in ("upload_bytes_max", "photographs_max")},
        "is_correction": True,
        "document": document(),
        "keeps_file": True,
        "values": {"family_name": HOSTILE, "birth_date": "01.04.1990", "release_form": "in_person"},
        "recipients": ["jobcenter"],
        "obliging_bodies": [],
        "reason": "false_date",
        "reasons": catalogue.correction_reasons,
        "errors": {},
    }
    errors = {"reason": "Bitte wählen Sie.", "file": "Bitte wählen Sie eine Datei aus."}
    again = {"is_correction": False, "keeps_file": False, "offers": []}
    return [
        Sample("correct", "documents/correct.html", page, filled),
        Sample("correct-mistaken", "documents/correct.html", page, filled | {"errors": errors}),
        Sample("resend", "documents/correct.html", page, filled | again),
    ]


def _replaced_pages(
    page: Page, sent: dict[str, object], received: dict[str, object]
) -> list[Sample]:
    """A corrected paper and the one it replaced, from both sides."""
    new = document(replaces=other(102), correction_reason="false_date")
    waits = document(replaced_by=other(103))
    old = document(
        state="withdrawn",
        family_name="",
        given_names="",
        end_reason="false_date",
        replaced_by=other(103),
        is_corrected=True,
    )
    may = SimpleNamespace(
        withdraw=False, correct=False, resend=False, acknowledge=True, forward=True
    )
    rule = rules.load().follow_ups[0]
    missing: dict[str, object] = {
        "document": document(),
        "follow_ups": [
            SimpleNamespace(id=identifier(401), clock="proof", name=rule.name, due_on=TODAY)
        ],
    }
    told = received | {"can": may, "can_settle": False}
    typed = SimpleNamespace(recipient="", release_given_on="31.02.2026", release_form="")
    offered = form(rules.load(), "admission_ik_jc")["offers"]
    forward = {
        "document": document(),
        "delivery_id": identifier(1),
        "offered": offered,
        "needs_release": True,
        "typed": typed,
    }
    wrong = {"recipient": "Diese Stelle nicht.", "release_given_on": "Diesen Tag gibt es nicht."}
    return [
        *_correction_forms(page),
        Sample("forward", "deliveries/forward.html", page, forward | {"errors": {}}),
        Sample("forward-mistaken", "deliveries/forward.html", page, forward | {"errors": wrong}),
        Sample("show-correction", "documents/show.html", page, sent | {"document": new}),
        Sample("show-corrected", "documents/show.html", page, told | {"document": old}),
        Sample("show-correction-received", "documents/show.html", page, told | {"document": new}),
        Sample("show-to-be-replaced", "documents/show.html", page, sent | {"document": waits}),
        Sample("show-followed-up", "documents/show.html", page, told | missing),
        *(
            Sample(f"show-reminded-{name}", "documents/show.html", page, each | reminded)
            for name, each in (("sender", sent | {"document": old}), ("received", told | missing))
            for reminded in reminded_deliveries(each, NOW)
        ),
    ]


def _blocked_pages(
    page: Page, sent: dict[str, object], received: dict[str, object], receipt: dict[str, object]
) -> list[Sample]:
    """Malware was found after the delivery: for the sender, and for whom it was delivered to."""
    late = document(state="blocked", was_delivered=True, end_reason="infected")
    trace = document(state="blocked", was_delivered=True, family_name="", given_names="")
    may = SimpleNamespace(
        withdraw=False, correct=False, resend=False, acknowledge=True, forward=False
    )
    told = received | {"document": trace, "can": may, "can_settle": False, "can_read": False}
    never = delivery(1, **way(step("Zugestellt", days=2)))
    unopened = {"own": never, "deliveries": [never]}
    unread = {"document": late, "deliveries": [never]}
    show, reminded = "documents/show.html", next(iter(reminded_deliveries(told, NOW)))
    return [
        Sample(
            "receipt-blocked-late", "documents/receipt.html", page, receipt | {"document": late}
        ),
        Sample("show-blocked-late", show, page, sent | {"document": late, "can_read": False}),
        Sample("show-blocked-unread", show, page, sent | {"can_read": False} | unread),
        Sample("show-blocked-received", show, page, told | reminded),
        Sample("show-blocked-unopened", show, page, told | unopened),
    ]


def _document_pages(reasons: dict[str, object], return_reason: str) -> list[Sample]:
    page = replace(CLERK, path=f"/documents/{identifier(101)}")
    mine = delivery(
        1,
        return_reason="",
        opened_at=NOW,
        forward_release_form="in_person",
        **way(
            step("Zugestellt", days=2),
            step("Geöffnet", "Amina Muster", days=1),
            step("Öffnen", days=None, code="opened"),
        ),
    )
    theirs = [
        delivery(
            1,
            opened_at=NOW,
            state="taken_over",
            return_reason="",
            **way(
                step("Zugestellt", days=2),
                step("Geöffnet", days=1),
                step("Übernommen", HOSTILE, code="taken_over"),
                step("Kenntnisnahme", days=None, code="acknowledged"),
                same_day=True,
                must_acknowledge=True,
            ),
        ),
        delivery(
            2,
            recipient_name="Jobcenter Musterstadt",
            state="returned",
            return_reason=return_reason,
            **way(
                step("Zugestellt", days=2),
                step("Zurückgegeben", code="returned", reason=return_reason),
                step("Zurückgezogen", code="withdrawn", reason="wrong_recipient"),
            )
            | {"forwarded_by_name": HOSTILE},
        ),
    ]
    all_of_it = SimpleNamespace(
        withdraw=True, correct=True, resend=True, acknowledge=False, forward=False
    )
    sent = SHOW | reasons | {"deliveries": theirs, "can": all_of_it}
    received = SHOW | reasons | {"deliveries": [mine], "own": mine, "can_settle": True}
    receipt = {
        "document": document(),
        "deliveries": theirs,
        "leaving": SHOW["leaving"],
        "sent_by": "Vera Beispiel",
    }
    waiting = document(state="held", kind="nonattendance_report_ik", is_awaiting_approval=True)
    erased = document(
        state="erased",
        family_name="",
        given_names="",
        birth_date=None,
        fields=[],
        sha256="",
        received_sha256="",
        released=None,
        delete_on=None,
        erased_at=NOW,
    )
    gone = {"document": erased, "can_read": False, "leaving": ""}
    states = ("held", "withdrawn", "blocked", "abandoned", "erased")
    return [
        Sample("receipt", "documents/receipt.html", page, receipt),
        Sample("receipt-waiting", "documents/receipt.html", page, receipt | {"document": waiting}),
        *(
            Sample(
                f"show-waiting-{number}",
                "documents/show.html",
                page,
                sent | {"document": waiting, "approval": seen, "deliveries": []},
            )
            for number, seen in enumerate((approval(), approval(can_decide=False, sent_by="")))
        ),
        Sample(
            "show-approved",
            "documents/show.html",
            page,
            sent
            | {
                "document": document(),
                "approval": approval(
                    is_waiting=False, can_decide=False, approved_at=NOW, approved_by=HOSTILE
                ),
            },
        ),
        Sample("show-sender-erased", "documents/show.html", page, sent | gone),
        Sample(
            "show-recipient-erased",
            "documents/show.html",
            page,
            received | gone | {"can_settle": False},
        ),
        Sample(
            "show-declined",
            "documents/show.html",
            page,
            sent | {"document": document(state="withdrawn", end_reason="not_approved_facts")},
        ),
        *(
            Sample(
                f"receipt-{state}",
                "documents/receipt.html",
                page,
                receipt | {"document": document(state=state)},
            )
            for state in ("held", "withdrawn", "blocked", "erased")
        ),
        *_blocked_pages(page, sent, received, receipt),
        Sample("show-sender", "documents/show.html", page, sent | {"document": document()}),
        *_replaced_pages(page, sent, received),
        Sample("show-recipient", "documents/show.html", page, received | {"document": document()}),
        Sample(
            "show-mistaken",
            "documents/show.html",
            replace(page, flash=Flash("warning", "Bitte wählen Sie einen Grund.")),
            received | {"document": document(), "errors": {"reason": "Bitte wählen Sie."}},
        ),
        *(
            Sample(
                f"show-too-late-{number}",
                "documents/show.html",
                page,
                received | {"document": document(), "can_settle": False, "conflict": too_late},
            )
            for number, too_late in enumerate(
                (
                    conflict("Schon übernommen.", at=NOW, by=HOSTILE),
                    conflict("Schon zurückgegeben.", at=NOW),
                    conflict("Zu spät."),
                )
            )
        ),
        *(
            Sample(
                f"show-{state}",
                "documents/show.html",
                page,
                sent
                | {"document": document(state=state), "can_read": False, "can_withdraw": False},
            )
            for state in states
        ),
    ]


AGENCY_PLACE = SimpleNamespace(
    name="Ausländerbehörde Musterstadt",
    agency=SimpleNamespace(slug="auslaenderbehoerde"),
    roles=(Role.CLERK, Role.HEAD),
)
TOWN_PLACE = SimpleNamespace(
    name="Stadt Musterstadt", agency=None, roles=(Role.COORDINATOR, Role.AUDITOR)
)


def member(number: int, **changes: object) -> SimpleNamespace:
    """One membership as the list and its own page show it."""
    values: dict[str, object] = {
        "id": identifier(number),
        "user_id": identifier(200 + number),
        "name": "Amina Muster",
        "subject_tail": "muster",
        "role": Role.CLERK,
        "source": "manual",
        "since": NOW - timedelta(days=100),
        "until": None,
        "is_last": False,
        "is_own": False,
    }
    return SimpleNamespace(**(values | changes))


def offer(number: int, **changes: object) -> SimpleNamespace:
    """One open invitation."""
    values: dict[str, object] = {
        "id": identifier(300 + number),
        "role": Role.CLERK,
        "agency_name": "Ausländerbehörde Musterstadt",
        "municipality_name": "Stadt Musterstadt",
        "place_name": "Ausländerbehörde Musterstadt",
        "inviter": "Karin Beispiel",
        "note": "Neue Kollegin, Zimmer 12",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=7),
    }
    return SimpleNamespace(**(values | changes))


def _member_pages() -> list[Sample]:
    heading, coordinating = replace(CLERK, path="/members"), replace(COORDINATOR, path="/members")
    last = member(2, name="Karin Beispiel", role=Role.HEAD, is_last=True, is_own=True)
    entries = [
        last,
        member(1, name=HOSTILE, until=NOW + timedelta(days=9)),
        member(3, source="claim"),
        member(4, name=""),
    ]
    listed: dict[str, object] = {
        "place": AGENCY_PLACE,
        "entries": entries,
        "instructed": {last.user_id: NOW},
        "invitations": [offer(1), offer(2, note=HOSTILE, inviter="")],
        "invite_href": "/invitations/new?agency=auslaenderbehoerde",
        "agencies": [],
    }
    of_town = {
        "place": TOWN_PLACE,
        "entries": [],
        "instructed": None,
        "invitations": [],
        "agencies": [
            SimpleNamespace(name="Sprachwerk", count=count, href="/agencies/sprachwerk/members")
            for count in (0, 1, 7)
        ],
    }
    coordinator = member(5, role=Role.COORDINATOR, is_last=True)
    shown: dict[str, object] = {
        "place": AGENCY_PLACE,
        "typed_role": None,
        "typed_until": "",
        "errors": {},
        "failed": "",
        "back_href": "/members",
    }
    unknowing = {"errors": {"knowing": "Bitte bestätigen Sie es."}}
    late = {"errors": {"until": "Dieser Tag ist vorbei."}, "failed": "end_date"}
    show, end = "members/show.html", "members/ending.html"
    return [
        Sample("members", "members/index.html", heading, listed),
        Sample("members-town", "members/index.html", coordinating, listed | of_town),
        Sample("member", show, heading, shown | {"entry": entries[1]}),
        Sample("member-claim", show, heading, shown | {"entry": entries[2]}),
        Sample(
            "member-last-mistaken",
            show,
            heading,
            shown | unknowing | {"entry": last, "failed": "role"},
        ),
        Sample(
            "member-mistaken", show, heading, shown | late | {"entry": last, "typed_until": "1.1."}
        ),
        Sample(
            "member-town", show, coordinating, shown | {"place": TOWN_PLACE, "entry": coordinator}
        ),
        Sample("ending", end, heading, shown | {"entry": entries[1]}),
        Sample("ending-claim", end, heading, shown | {"entry": entries[2]}),
        Sample("ending-last-mistaken", end, heading, shown | unknowing | {"entry": last}),
        Sample(
            "ending-town", end, coordinating, shown | {"place": TOWN_PLACE, "entry": coordinator}
        ),
    ]


def _joining_pages(catalogue: Catalogue) -> list[Sample]:
    heading = replace(CLERK, path="/invitations/new")
    asked: dict[str, object] = {
        "place": AGENCY_PLACE,
        "typed": {"days": "7"},
        "errors": {},
        "days_max": 30,
        "note_length_max": 60,
        "back_href": "/members",
    }
    wrong: dict[str, object] = {
        "typed": {"role": "head", "days": "90", "note": HOSTILE},
        "errors": {"role": "Bitte wählen.", "days": "Zu viele.", "note": "Zu lang."},
    }
    made: dict[str, object] = {
        "place": AGENCY_PLACE,
        "role": Role.HEAD,
        "days": 7,
        "link": "https://kursdocs.musterstadt.example/join/" + "x" * 43,
        "back_href": "/members",
    }
    joining: dict[str, object] = {
        "is_held": False,
        "is_own": False,
        "start_href": "/sign-in/start?next=%2Fjoin",
    }
    join, guest = "invitations/join.html", replace(VISITOR, path="/join")
    known = replace(guest, actor_name="Kim Muster")
    of_town = offer(3, agency_name="", place_name="Stadt Musterstadt", inviter="")
    text: dict[str, object] = {
        "instruction": catalogue.instruction,
        "confirmed_at": None,
        "next": "/inbox",
        "changed": "",
    }
    return [
        Sample("invite", "invitations/new.html", heading, asked),
        Sample("invite-mistaken", "invitations/new.html", heading, asked | wrong),
        Sample("invite-town", "invitations/new.html", heading, asked | {"place": TOWN_PLACE}),
        Sample("invited", "invitations/created.html", heading, made),
        Sample("invited-town", "invitations/created.html", heading, made | {"place": TOWN_PLACE}),
        Sample("join-visitor", join, guest, joining | {"offer": offer(1)}),
        Sample("join", join, known, joining | {"offer": of_town}),
        Sample("join-held", join, known, joining | {"offer": offer(1), "is_held": True}),
        Sample("join-own", join, known, joining | {"offer": offer(1), "is_own": True}),
        Sample("join-over", join, guest, joining | {"offer": None}),
        Sample("instruction", "instruction/show.html", known, text),
        Sample("instruction-again", "instruction/show.html", CLERK, text | {"confirmed_at": NOW}),
        Sample("instruction-changed", "instruction/show.html", known, text | {"changed": "Neu."}),
    ]


def _kind_pages(catalogue: Catalogue) -> list[Sample]:
    page = replace(CLERK, path="/catalogue")
    needs = {
        "need_texts": catalogue.need_texts,
        "follow_ups": catalogue.follow_ups,
        "fulfils": catalogue.follow_ups,
        "field_labels": {name: field.label for name, field in catalogue.fields.items()},
    }
    ended = replace(catalogue.kinds[0], routes=())
    return [
        *(
            Sample(f"catalogue-{kind.code}", "catalogue/show.html", page, needs | {"kind": kind})
            for kind in catalogue.kinds
        ),
        Sample("catalogue-ended", "catalogue/show.html", page, needs | {"kind": ended}),
    ]


def _other_pages(catalogue: Catalogue) -> list[Sample]:
    sent_page = replace(CLERK, path="/sent", flash=Flash("success", "Das Papier ist gesendet."))
    sent = [
        document(
            deliveries=[
                delivery(1, return_reason=""),
                delivery(2, state="taken_over", return_reason=""),
                delivery(3, state="returned", return_reason="untouched"),
            ]
        ),
        document(id=identifier(102), state="held"),
        document(id=identifier(103), state="withdrawn", end_reason="not_approved"),
        document(id=identifier(105), state="held", is_awaiting_approval=True),
        document(id=identifier(106), state="erased", family_name="", given_names=""),
        document(id=identifier(104), state="pending", stored_at=None),
    ]
    log_page = replace(CLERK, path="/log")
    signed = {
        "checkpoint": SimpleNamespace(
            size=12_345,
            signed_at=NOW,
            signer=f"kursdocs.musterstadt.example/log+1a2b3c4d+{'A' * 44}",
        ),
        "is_shortened": True,
    }
    log: dict[str, object] = {
        "scope": "Ausländerbehörde Musterstadt",
        "day_from": "",
        "day_to": "",
        "errors": {},
        "next_href": "",
        "checkpoint": None,
        "is_shortened": False,
        "kept_months": 6,
    }
    entries = [
        log_entry("Eingang angesehen (Neu, 3 Einträge)"),
        log_entry("Dokument heruntergeladen", document_id=identifier(1), href="/documents/1"),
        log_entry("Dokument angesehen", document_id=identifier(2), agency_name=""),
    ]
    retry = SimpleNamespace(
        action="/documents",
        fields=[("family_name", HOSTILE)],
        file_label="Datei",
        sign_in=False,
    )
    expired = SimpleNamespace(
        action="/deliveries/1/return", fields=[("reason", HOSTILE)], file_label="", sign_in=True
    )
    error: dict[str, object] = {
        "heading": "Das gibt es hier nicht",
        "sentence": "Die Adresse gibt es nicht, oder sie ist nicht für Ihre Stelle.",
        "advice": "Prüfen Sie die Adresse oder gehen Sie zur Startseite.",
        "steps": ways_on.steps(VISITOR, 404, "not_found"),
        "ways": ways_on.ways(VISITOR, 503, again="/inbox"),
        "status": 404,
        "reference": "01J2-7F3K",
        "retry": None,
    }
    coordinating = replace(COORDINATOR, path="/agencies")
    return [
        *(
            Sample(
                f"sent-{state}{number}",
                "documents/sent.html",
                sent_page,
                {
                    "state": state,
                    "waiting_count": number,
                    "blocked_count": number,
                    "count_max": 100,
                    "user_id": identifier(7),
                    "documents": sent if number else [],
                    "next_href": "/sent" if number else "",
                    "filter": SimpleNamespace(kind="admission_ik_jc", recipient=""),
                    "kinds": [("admission_ik_jc", "Zulassung")],
                    "recipients": [("jobcenter", HOSTILE)],
                    "list": f"state={state}",
                    "is_filtered": state == "done",
                    "searched": HOSTILE if state == "withdrawn" else "",
                    "is_cut": number > 0,
                },
            )
            for state, number in (
                ("all", 1),
                ("all", 0),
                ("waiting", 101),
                ("waiting", 0),
                ("returned", 1),
                ("returned", 0),
                ("open", 1),
                ("open", 0),
                ("done", 0),
                ("withdrawn", 1),
                ("withdrawn", 0),
                ("blocked", 101),
                ("blocked", 0),
            )
        ),
        *(
            Sample(
                f"leaving-{len(leaving)}",
                "documents/leaving.html",
                replace(CLERK, path="/documents/leaving"),
                {"documents": leaving, "notice_days": 7, "next_href": ""},
            )
            for leaving in (
                [],
                [
                    document(is_own=True, sender_name="", reason="weil es gesperrt ist"),
                    document(is_own=False, sender_name=HOSTILE, reason="wenn niemand es freigibt"),
                ],
            )
        ),
        Sample(
            "catalogue",
            "catalogue/index.html",
            replace(CLERK, path="/catalogue"),
            {"catalogue": catalogue, "groups": catalogue.by_group(catalogue.kinds)},
        ),
        *_kind_pages(catalogue),
        Sample("log", "audit/index.html", log_page, log | signed | {"entries": entries}),
        Sample("log-empty", "audit/index.html", log_page, log | {"entries": []}),
        *(Sample(name, at, coordinating, given) for name, at, given in town_pages(HOSTILE, NOW)),
        *(Sample(name, at, coordinating, given) for name, at, given in mail_pages(HOSTILE, NOW)),
        *(Sample(name, at, coordinating, given) for name, at, given in integrity_pages(NOW)),
        *(
            Sample(name, at, CLERK if "own" in name else coordinating, given)
            for name, at, given in number_pages(HOSTILE, NOW)
        ),
        *(
            Sample(name, at, coordinating, given)
            for name, at, given in reminder_pages(HOSTILE, NOW)
        ),
        Sample("error", "error.html", VISITOR, error),
        Sample("error-retry", "error.html", CLERK, error | {"retry": retry, "advice": ""}),
        Sample("error-expired", "error.html", VISITOR, error | {"retry": expired, "advice": ""}),
    ]


def _help_pages(catalogue: Catalogue) -> list[Sample]:
    given: dict[str, object] = {
        "is_office": False,
        "retentions": [each.text.de for each in catalogue.retentions],
        "steps": [(1, "das Postfach der Stelle"), (15, "auch die Koordination")],
        "return_after": 15,
        "file_mib_max": 32,
        "contact": "",
    }
    offices = given | {"is_office": True, "contact": HOSTILE}
    kinds = (AgencyKind.COURSE_PROVIDER, AgencyKind.JOBCENTER)
    providers, of_offices = (help.sections_for(Role.HEAD, kind) for kind in kinds)
    town = help.sections_for(Role.COORDINATOR, None) + help.sections_for(Role.AUDITOR, None)[:1]
    readers = (
        ("help", VISITOR, given | {"sections": providers}),
        ("help-office", CLERK, offices | {"sections": of_offices}),
        ("help-town", COORDINATOR, given | {"sections": town}),
    )
    return [
        Sample(name, "help/show.html", replace(page, path="/help"), context)
        for name, page, context in readers
    ]
