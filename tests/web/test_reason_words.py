"""Reasons in the log: named in both languages, wherever a row carries one."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

import pytest
from tests.web.house import House

from kursdocs import catalogue as rules
from kursdocs.core.audit import Happening
from kursdocs.core.documents.retention import LeavingReason
from kursdocs.web import pages
from kursdocs.web.audit import SENTENCES
from kursdocs.web.reason_words import reason_name

CATALOGUE = rules.load()
CHOSEN: Mapping[Happening, Sequence[str]] = {
    Happening.DOCUMENT_BLOCKED: ["infected"],
    Happening.DOCUMENT_ABANDONED: ["died", "failed", "file_infected", "store_unavailable"],
    Happening.DOCUMENT_WITHDRAWN: [
        *(one.code for one in CATALOGUE.withdrawal_reasons),
        *(one.code for one in CATALOGUE.correction_reasons),
        "not_approved_in_time",
        "infected",
    ],
    Happening.DOCUMENT_DECLINED: ["not_approved", "not_approved_facts"],
    Happening.DOCUMENT_DELETION_NOTICED: list(LeavingReason),
    Happening.DOCUMENT_ERASED: [*LeavingReason, "key_destroyed"],
    Happening.DELIVERY_RETURNED: [*(one.code for one in CATALOGUE.return_reasons), "untouched"],
    Happening.DRAFT_DISCARDED: ["discarded", "expired", "joined", "key_destroyed"],
    Happening.PAPER_REQUEST_DECLINED: [one.code for one in CATALOGUE.request_decline_reasons],
    Happening.FOLLOW_UP_SETTLED: [one.code for one in CATALOGUE.settle_reasons],
}


def test_every_sentence_with_a_reason_is_tried_here() -> None:
    assert set(CHOSEN) == {one for one, text in SENTENCES.items() if "%(reason)s" in text}


@pytest.mark.parametrize("happening", CHOSEN)
def test_every_reason_has_its_name_in_both_languages(happening: Happening) -> None:
    shown = pages.load(pages.frontend_folder(), CATALOGUE)

    for code in CHOSEN[happening]:
        german, english = (
            reason_name(happening, code, CATALOGUE, language, partial(shown.text, language))
            for language in ("de", "en")
        )
        assert german not in (english, code, "")
        assert "_" not in german + english


def test_a_reason_that_no_list_knows_any_more_keeps_its_code() -> None:
    for happening in (Happening.DOCUMENT_WITHDRAWN, Happening.DOCUMENT_ERASED):
        assert reason_name(happening, "of_old", CATALOGUE, "de", str) == "of_old"
        assert reason_name(happening, "", CATALOGUE, "de", str) == "–"


def test_the_log_names_why_a_paper_was_withdrawn(house: House) -> None:
    clerk, head = house.person("amina.muster"), house.person("vera.probe")
    path = str(clerk.send().headers["location"]).removesuffix("/receipt")

    assert clerk.post(f"{path}/withdrawal", {"reason": "wrong_recipient"}).status_code == 303
    log = head.get("/log").text

    reason = CATALOGUE.withdrawal_reason("wrong_recipient")
    assert reason is not None
    assert f"hat ein Papier zurückgezogen ({reason.text.de})" in log
    assert "wrong_recipient" not in log
    assert re.search(r"Unterschrieben wird mindestens jede Stunde|noch nicht unterschrieben", log)
