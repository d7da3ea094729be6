"""Every page in every state: axe finds nothing, in light and dark, and nothing runs off the side.

One load a page: the colours change in place, and the window becomes as narrow as a phone (320
pixels) and as a desktop window at 200 %; then the letters alone become twice as large. A page of
the route table that stands in no list fails.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Page
from tests.browser.browsing import Visitors, Watched
from tests.browser.checking import forget_checks, found
from tests.browser.demo import KIND_NAME, Demo, day
from tests.web.test_everywhere import NOT_PAGES

from kursdocs.demo.papers import sample_paper
from kursdocs.operations.fsck import Damage
from kursdocs.web.routes import ROUTES

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERYTHING = {"runOnly": RULES, "resultTypes": ["violations"]}
# What colours can break; the rest was judged in the light a moment before.
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
# Colours change with the next frame, also where the change is told to take no time.
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# The last is where tables are tightest: a little narrower they become cards.
NARROW, ZOOMED, TIGHT, WIDE = 320, 640, 1024, 1280
# With letters twice as large; there is one column then, as browsers would choose by their size.
MIDDLE = 900
NEW_FORM = "/documents/new?kind=admission_ik_jc"
UNKNOWN = "/documents/019a0000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Story:
    """Addresses of papers in each state."""

    new: str
    taken_over: str
    returned: str
    withdrawn: str
    delivery: str
    handed_on: str
    request: str
    database: Path


@pytest.fixture(scope="module")
def story(demo: Demo) -> Story:
    """Some invented papers have gone their way."""
    long = "Beispiel-Musterprobe-von-und-zu-Wolfeschlegelsteinhausenbergerdorff"
    papers = [
        demo.send(name=(long, "Lin Sophie Alexandra"), number=1, page_count=2),
        demo.send(name=("Beispiel", "Omar"), number=2),
        demo.send(name=("نموذج", "مثال"), number=3),
        demo.send(name=("Probe", "Vera"), number=4),
    ]
    demo.take_over(papers[1], "auslaenderbehoerde")
    demo.give_back(papers[2], "auslaenderbehoerde", "illegible")
    demo.withdraw(papers[3], "vhs-musterstadt", "wrong_recipient")
    theirs = demo.send(
        sender="auslaenderbehoerde",
        recipients=("sprachwerk",),
        kind="entitlement_ik",
        kind_name="Bestätigung der Teilnahmeberechtigung",
        fields={"issued_on": day(-20), "expires_on": day(345)},
    )
    demo.send(
        sender="auslaenderbehoerde",
        recipients=("vhs-musterstadt",),
        kind="entitlement_ik",
        kind_name="Bestätigung der Teilnahmeberechtigung",
        name=(long, "Lin Sophie Alexandra"),
        fields={"issued_on": day(-350), "expires_on": day(15)},
    )
    asked = {"kind": "registration_confirmation_ik", "provider": "vhs-musterstadt"}
    person = {"family_name": long, "given_names": "Lin", "birth_date": "1990-01-02"}
    request = demo.call("auslaenderbehoerde", "POST", "/requests", json=asked | person)
    live, taken, returned, withdrawn = (f"/documents/{paper['id']}" for paper in papers)
    return Story(
        live,
        taken,
        returned,
        withdrawn,
        delivery=demo.delivery(papers[0], "auslaenderbehoerde"),
        handed_on=f"/deliveries/{demo.delivery(theirs, 'sprachwerk')}/forward",
        request=f"/requests/{request['id']}",
        database=demo.var / "kursdocs.sqlite",
    )


class Showing(Protocol):
    """Opens a page of a person; see the fixture ``shown``."""

    def __call__(
        self, person: str, *, allowed: tuple[int, ...] = (), language: str = "de-DE"
    ) -> Page: ...


@pytest.fixture
def shown(visitors: Visitors) -> Iterator[Showing]:
    """Open an empty page in the browser that a person keeps; the test fails when it complained.

    A browser of its own for each of so many pages takes longer to load than to judge them.
    """
    watched: list[Watched] = []

    def show_page(person: str, *, allowed: tuple[int, ...] = (), language: str = "de-DE") -> Page:
        page = visitors.kept_page(person, language)
        watched.append(Watched(page, allowed=allowed))
        return page

    yield show_page
    for each in watched:
        each.page.close()
    assert [complaint for each in watched for complaint in each.complaints] == []


def go(path: str) -> Callable[[Page, Story], None]:
    """Open this address."""
    return lambda page, story: _loaded(page, path)


def paper(state: str, below: str = "") -> Callable[[Page, Story], None]:
    """Open the paper that is in that state."""
    return lambda page, story: _loaded(page, getattr(story, state) + below)


def _loaded(page: Page, path: str) -> None:
    page.goto(path)


def checked(*damages: Damage, days_ago: int = 0) -> Callable[[Page, Story], None]:
    """The report after a check that found so much."""

    def reach(page: Page, story: Story) -> None:
        found(story.database, *damages, days_ago=days_ago)
        _loaded(page, "/integrity")

    return reach


def unchecked(page: Page, story: Story) -> None:
    forget_checks(story.database)
    _loaded(page, "/integrity")


def picker(page: Page, _: Story) -> None:
    page.goto("/sign-in")
    page.get_by_role("link", name="Anmelden").click()
    page.get_by_role("button", name=re.compile("Amina Muster")).wait_for()


def mistaken_form(page: Page, _: Story) -> None:
    """Sent as a browser without scripts does that asks for nothing."""
    page.goto(NEW_FORM)
    page.evaluate("document.querySelector('form[data-sending]').submit()")
    page.locator("[data-error-summary]").wait_for()


def filled_form(page: Page, _: Story) -> None:
    page.goto(NEW_FORM)
    page.get_by_label("Familienname").fill("Muster")
    photo = FilePayload(name="foto.jpg", mimeType="image/jpeg", buffer=b"\xff\xd8\xff")
    page.locator("input[type=file]").set_input_files([photo, photo])


def follow_ups(page: Page, _: Story) -> None:
    """An entitlement that lapses soon; the worker opens it a moment after it was sent."""
    page.goto("/help")
    page.wait_for_function(
        "fetch('/follow-ups').then(a => a.text()).then(t => t.includes('id=\"follow-up-'))",
        polling=500,
    )
    page.goto("/follow-ups")


def follow_up_reasons(page: Page, story: Story) -> None:
    follow_ups(page, story)
    page.get_by_text("Erledigt, weil …").first.click()
    page.get_by_role("button", name="Auf Papier erledigt").first.wait_for()


def mistaken_follow_ups(page: Page, story: Story) -> None:
    """Sent as a browser without scripts does that asks for nothing."""
    follow_ups(page, story)
    page.evaluate("document.querySelector('#settle-many').submit()")
    page.locator("[data-error-summary]").wait_for()


def mistaken_agency(page: Page, _: Story) -> None:
    page.goto("/agencies/new")
    page.get_by_label("Kurzname").fill("Groß & klein")
    with page.expect_navigation():
        page.evaluate("document.querySelector('form[action=\"/agencies\"]').submit()")


def mistaken_pause(page: Page, _: Story) -> None:
    """With its placeholders unfolded."""
    page.goto("/settings")
    page.get_by_label("Erster Tag").fill("31.02.2027")
    with page.expect_navigation():
        page.evaluate("document.querySelector('form[action$=\"/pauses\"]').submit()")
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")


def mistaken_paces(page: Page, _: Story) -> None:
    """With a mistake in each column, and the kinds of papers unfolded."""
    page.goto("/municipality/paces")
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    for name, typed in (("deputy", "40"), ("head.least", "x"), ("head.most", "0")):
        page.locator(f"[id='standard.{name}']").fill(typed)
    with page.expect_navigation():
        page.get_by_role("button", name="Speichern").click()
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")


def mistaken_closing(page: Page, _: Story) -> None:
    page.goto("/municipality")
    page.get_by_label("Anlass").fill("Stadtfest")
    with page.expect_navigation():
        page.evaluate("document.querySelector('form[action$=\"/closings\"]').submit()")


def tried_claims(page: Page, _: Story) -> None:
    page.goto("/municipality/claims")
    page.get_by_label("Angaben des Tokens").fill(
        '{"sub": "amina.muster", "groups": ["vhs-musterstadt:head"]}'
    )
    page.get_by_role("button", name="Ausprobieren").click()
    page.get_by_role("heading", name="Das gäbe dieses Token").wait_for()


def unread_claims(page: Page, _: Story) -> None:
    page.goto("/municipality/claims")
    page.get_by_label("Angaben des Tokens").fill("x")
    page.get_by_role("button", name="Ausprobieren").click()
    page.locator("[data-error-summary]").wait_for()


def mistaken_return(page: Page, story: Story) -> None:
    page.goto(story.new)
    with page.expect_navigation():
        page.evaluate("document.querySelector('form[action$=\"/return\"]').submit()")


def previewed(page: Page, story: Story) -> None:
    """The inbox with a paper beside it."""
    _loaded(page, f"/inbox?show={story.delivery}")
    page.locator("#preview-title").wait_for()


def preview(page: Page, story: Story) -> None:
    _loaded(page, f"/deliveries/{story.delivery}/preview")


def forwarding(page: Page, story: Story) -> None:
    _loaded(page, story.handed_on)


def many_returned(page: Page, story: Story) -> None:
    """Somebody returns several papers and forgets to say why."""
    previewed(page, story)
    page.locator("input[name=delivery]").first.check()
    page.locator("[data-many-return] summary").click()
    page.get_by_role("button", name="Alle ausgewählten zurückgeben").click()
    page.get_by_role("alert").wait_for()


def keys(page: Page, story: Story) -> None:
    """The overview of the keys."""
    _loaded(page, "/inbox")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()


def filled_desk(page: Page, _: Story, *more: FilePayload) -> None:
    """Two papers on it, one open."""
    _loaded(page, "/desk")
    pdf = sample_paper(KIND_NAME, "Muster", "Lin", 7)
    piled = [
        FilePayload(name=f"{number}.pdf", mimeType="application/pdf", buffer=pdf)
        for number in (1, 2)
    ]
    page.evaluate("document.querySelector('form[data-desk-files]').removeAttribute('hidden')")
    page.locator("#file").set_input_files([*piled, *more])
    page.locator(".kd-line__name").nth(1).wait_for()
    page.locator(".kd-line__name").first.click()
    page.locator("#paper-form").wait_for()


def refused_desk(page: Page, story: Story) -> None:
    """Beside the good ones a file that is none."""
    letter = FilePayload(name="brief.pdf", mimeType="application/pdf", buffer=b"Sehr geehrte")
    filled_desk(page, story, letter)


def mistaken_request(page: Page, _: Story) -> None:
    _loaded(page, "/requests/new?kind=registration_confirmation_ik")
    page.get_by_label("Geburtsdatum").fill("31.02.1990")
    with page.expect_navigation():
        page.evaluate("document.querySelector('form[action=\"/requests\"]').submit()")


def request_page(page: Page, story: Story) -> None:
    _loaded(page, story.request)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")


def open_folds(page: Page, story: Story) -> None:
    """Return and reasons, which stand folded."""
    _loaded(page, story.new)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")


def letters(page: Page, _: Story) -> None:
    """The mailbox, once the worker has told of the papers."""
    for _attempt in range(40):
        _loaded(page, "/demo/mailbox/")
        if page.get_by_role("row").count() > 1:
            return
        page.wait_for_timeout(500)
    pytest.fail("no mail came")


def letter(page: Page, story: Story) -> None:
    letters(page, story)
    page.get_by_role("row").get_by_role("link").first.click()
    page.get_by_role("heading", name="Text").wait_for()


def member(page: Page, _: Story) -> None:
    """The page of the one who looks, who is the last head."""
    _loaded(page, "/members")
    page.get_by_role("row").filter(has_text="(Sie)").get_by_role("link").click()
    page.get_by_role("link", name="Zurück zu den Mitgliedern").wait_for()


def ending(page: Page, story: Story) -> None:
    member(page, story)
    page.get_by_role("link", name="Rolle beenden").click()
    page.get_by_role("button", name="Rolle beenden").wait_for()


def unknowing_ending(page: Page, story: Story) -> None:
    ending(page, story)
    page.get_by_role("button", name="Rolle beenden").click()
    page.locator("[data-error-summary]").wait_for()


def invited(page: Page, _: Story) -> None:
    """The link, and with it an entry in the list of members."""
    _loaded(page, "/invitations/new")
    page.get_by_label("Sachbearbeitung").check()
    page.get_by_label("Notiz").fill("Zimmer 12")
    page.get_by_role("button", name="Link erstellen").click()
    page.get_by_label("Link", exact=True).wait_for()


def invited_list(page: Page, story: Story) -> None:
    invited(page, story)
    _loaded(page, "/members")
    page.get_by_role("button", name=re.compile("^Zurückziehen")).first.wait_for()


def mistaken_invitation(page: Page, _: Story) -> None:
    _loaded(page, "/invitations/new")
    page.get_by_label("Gültig für so viele Tage").fill("90")
    page.evaluate("document.querySelector('form[action=\"/invitations\"]').submit()")
    page.locator("[data-error-summary]").wait_for()


def joining(page: Page, story: Story) -> None:
    """What the head who made the link sees of it: they have the role already."""
    invited(page, story)
    page.goto(page.get_by_label("Link", exact=True).input_value())
    page.get_by_role("heading", level=1).wait_for()


@dataclass(frozen=True)
class Case:
    """A page in a state, who looks at it, and the status it has."""

    name: str
    person: str
    reach: Callable[[Page, Story], None]
    status: int = 200


AMINA, JONAS, KARIN = "Amina Muster", "Jonas Muster", "Karin Beispiel"
CASES = (
    Case("sign-in", "", go("/sign-in")),
    Case("people of the demo", "", picker),
    Case("signed out", "", go("/signed-out")),
    *(
        Case(f"inbox, {state}, {kind}", person, go(f"/inbox?state={state}"))
        for state in ("new", "taken_over", "returned", "withdrawn")
        for kind, person in (("empty", AMINA), ("filled", JONAS))
    ),
    Case("inbox, mine, empty", "Nora Probe", go("/inbox?state=new&mine=true")),
    Case("inbox, erased, empty", JONAS, go("/inbox?state=erased")),
    Case("inbox with preview", JONAS, previewed),
    Case("inbox, every box ticked", JONAS, go("/inbox?state=new&tick=all")),
    Case("inbox, none of that kind", JONAS, go("/inbox?state=new&due=overdue")),
    Case("inbox, many returned without a reason", JONAS, many_returned, 422),
    Case("inbox, keys", JONAS, keys),
    Case("preview", JONAS, preview),
    Case("forwarding", "Lin Probe", forwarding),
    Case("correction", AMINA, paper("new", "/correction")),
    Case("sending anew", AMINA, paper("returned", "/resending")),
    Case("leaving soon, empty", JONAS, go("/documents/leaving")),
    Case("desk, empty", "Pavlo Muster", go("/desk")),
    Case("desk, filled", "Mira Beispiel", filled_desk),
    Case("desk with a refused file", "Mira Beispiel", refused_desk, 422),
    Case("desk, sent, nothing", AMINA, go("/desk/sent")),
    Case("requests, received, filled", AMINA, go("/requests")),
    Case("requests, received, empty", "Lin Probe", go("/requests")),
    Case("requests, made, filled", JONAS, go("/requests")),
    Case("requests, overdue, empty", JONAS, go("/requests?side=made&state=overdue")),
    Case("requests, ended, empty", "David Beispiel", go("/requests?side=made&state=ended")),
    Case("request, asked", AMINA, request_page),
    Case("request, made", JONAS, request_page),
    Case("request, kinds", JONAS, go("/requests/new")),
    Case("request, form", JONAS, go("/requests/new?kind=attendance_certificate_ik")),
    Case("request with mistakes", JONAS, mistaken_request, 422),
    Case("follow-ups, filled", JONAS, follow_ups),
    Case("follow-ups, reasons", JONAS, follow_up_reasons),
    Case("follow-ups, nothing chosen", JONAS, mistaken_follow_ups, 422),
    Case("follow-ups, empty", "Lin Probe", go("/follow-ups")),
    Case("help", "", go("/help")),
    Case("help of a head", "Vera Probe", go("/help")),
    Case("help of an office", JONAS, go("/help")),
    Case("help of the coordination", "Ines Muster", go("/help")),
    Case("kinds", AMINA, go("/documents/new")),
    Case("form", AMINA, go(NEW_FORM)),
    Case("form, filled", AMINA, filled_form),
    Case("form with mistakes", AMINA, mistaken_form, 422),
    Case("form, obliging body", AMINA, go("/documents/new?kind=registration_confirmation_bsk")),
    Case("form, issuing body", AMINA, go("/documents/new?kind=start_notice_bsk")),
    Case("form, choices", AMINA, go("/documents/new?kind=attendance_certificate_ik")),
    Case("receipt", AMINA, paper("new", "/receipt")),
    *(
        Case(f"paper of the sender, {state}", AMINA, paper(state))
        for state in ("new", "taken_over", "returned", "withdrawn")
    ),
    Case("paper after withdrawing", AMINA, paper("withdrawn", "?done=withdrawn")),
    *(
        Case(f"paper of the recipient, {state}", JONAS, paper(state))
        for state in ("new", "taken_over", "returned")
    ),
    Case("paper of the recipient, withdrawn", JONAS, paper("withdrawn")),
    Case("paper of the recipient, unfolded", JONAS, open_folds),
    Case("return without a reason", JONAS, mistaken_return, 422),
    Case("sent, empty", "Lin Probe", go("/sent")),
    Case("sent, filled", AMINA, go("/sent")),
    Case("catalogue", AMINA, go("/catalogue")),
    Case("catalogue, one kind", AMINA, go("/catalogue?kind=attendance_certificate_ik")),
    Case("log of the agency", "Vera Probe", go("/log")),
    Case("log of the municipality", "Paul Probe", go("/log")),
    Case("integrity", "Ines Muster", go("/integrity")),
    Case("integrity of the auditor", "Paul Probe", go("/integrity")),
    Case("integrity, never checked", "Ines Muster", unchecked),
    Case("integrity, long ago", "Ines Muster", checked(days_ago=3)),
    Case("integrity, left over", "Ines Muster", checked(Damage.UNTRACKED_OBJECT)),
    Case("integrity, every damage", "Ines Muster", checked(*Damage)),
    Case("log, nothing found", "Paul Probe", go("/log?from=01.01.2020&to=02.01.2020")),
    Case("log, impossible day", "Paul Probe", go("/log?from=31.02.2026"), 422),
    Case("agencies", "Ines Muster", go("/agencies")),
    Case("numbers", "Ines Muster", go("/numbers")),
    Case("sheet of numbers", "Ines Muster", go("/numbers/sheet")),
    Case("own numbers", AMINA, go("/numbers")),
    Case("reminders", "Ines Muster", go("/reminders")),
    Case("reminders of one's own", "Vera Probe", go("/reminders")),
    Case("mail", "Ines Muster", go("/municipality/mail")),
    Case("new agency", "Ines Muster", go("/agencies/new")),
    Case("new agency with mistakes", "Ines Muster", mistaken_agency, 422),
    Case("settings of an agency", "Ines Muster", go("/agencies/jobcenter/settings?done=saved")),
    Case("closing an agency", "Ines Muster", go("/agencies/auslaenderbehoerde/closing")),
    Case("settings", "Vera Probe", go("/settings")),
    Case("settings with mistakes", "Vera Probe", mistaken_pause, 422),
    Case("municipality", "Ines Muster", go("/municipality")),
    Case("days off with mistakes", "Ines Muster", mistaken_closing, 422),
    Case("paces of the municipality", "Ines Muster", go("/municipality/paces")),
    Case("paces with mistakes", "Ines Muster", mistaken_paces, 422),
    Case("paces of an agency", "Ines Muster", go("/agencies/jobcenter/paces?done=saved")),
    Case("own paces", "Vera Probe", go("/settings/paces")),
    Case("claims", "Ines Muster", go("/municipality/claims")),
    Case("claims, tried", "Ines Muster", tried_claims),
    Case("claims, unread", "Ines Muster", unread_claims, 422),
    Case("instruction, confirmed", AMINA, go("/instruction")),
    Case("members of an agency", KARIN, go("/members")),
    Case("members of a provider", "Vera Probe", go("/members")),
    Case("members of the municipality", "Ines Muster", go("/members")),
    Case("members as a coordinator", "Ines Muster", go("/agencies/sprachwerk/members")),
    Case("members with an invitation", KARIN, invited_list),
    Case("member", KARIN, member),
    Case("ending", KARIN, ending),
    Case("ending without knowing", KARIN, unknowing_ending, 422),
    Case("invite", KARIN, go("/invitations/new")),
    Case("invite with mistakes", KARIN, mistaken_invitation, 422),
    Case("invited", KARIN, invited),
    Case("invitation of one's own role", KARIN, joining),
    Case("invitation that is over", "", go("/join"), 404),
    Case("no role", "Kim Muster", go("/inbox"), 403),
    Case("two agencies", "Mira Beispiel", go("/inbox")),
    Case("not found", AMINA, go(UNKNOWN), 404),
    Case("not permitted", AMINA, go("/agencies"), 403),
    Case("mailbox", "", letters),
    Case("letter", "", letter),
)
# Which case shows which page of the route table, by the row's name; each is opened by its case.
SHOWN_BY = {
    "integrity": "integrity",
    "sign_in": "sign-in",
    "signed_out": "signed out",
    "help": "help",
    "inbox": "inbox, new, filled",
    "deliveries.preview": "preview",
    "deliveries.forwarding": "forwarding",
    "desk": "desk, empty",
    "desk.sent": "desk, sent, nothing",
    "sent": "sent, filled",
    "documents.new": "form",
    "documents.correction": "correction",
    "documents.resending": "sending anew",
    "documents.leaving": "leaving soon, empty",
    "documents.show": "paper of the recipient, new",
    "documents.receipt": "receipt",
    "requests": "requests, received, filled",
    "requests.new": "request, form",
    "requests.show": "request, asked",
    "follow_ups": "follow-ups, filled",
    "catalogue": "catalogue",
    "agencies": "agencies",
    "agencies.new": "new agency",
    "agencies.settings": "settings of an agency",
    "agencies.closing": "closing an agency",
    "settings": "settings",
    "municipality": "municipality",
    "municipality.claims": "claims",
    "municipality.paces": "paces of the municipality",
    "numbers": "numbers",
    "numbers.sheet": "sheet of numbers",
    "reminders": "reminders",
    "mail": "mail",
    "agencies.paces": "paces of an agency",
    "settings.paces": "own paces",
    "log": "log of the agency",
    "instruction": "instruction, confirmed",
    "join": "invitation that is over",
    "members": "members of an agency",
    "members.of_agency": "members as a coordinator",
    "members.show": "member",
    "members.ending": "ending",
    "invitations.new": "invite",
}
ENGLISH = ("inbox, new, filled", "form", "paper of the recipient, new")
MIRRORED = (
    "integrity, every damage",
    "settings with mistakes",
    "paces with mistakes",
    "claims, tried",
    "members with an invitation",
    "ending without knowing",
    "invite with mistakes",
    "inbox, new, filled",
    "form with mistakes",
    "paper of the sender, taken_over",
)


def violations(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds: the rule, the element, and why."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Axe().axe_script)
    # Not all that is fine, too, with each element: that takes longer to carry over than to find.
    found = page.evaluate("async told => (await axe.run(document, told)).violations", options)
    return [
        f"{violation['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
    ]


def overflowing(page: Page) -> list[str]:
    """The widths at which one would have to scroll sideways, with what sticks out."""
    found = []
    for width in (NARROW, ZOOMED, TIGHT):
        page.set_viewport_size({"width": width, "height": 800})
        beyond = page.evaluate(
            """() => {
              const root = document.documentElement, limit = root.clientWidth;
              if (root.scrollWidth <= limit) return [];
              return [...document.body.querySelectorAll("*")].filter(element => {
                const {left, right} = element.getBoundingClientRect();
                return right > limit + 1 || left < -1;
              }).map(element => element.outerHTML.slice(0, 90)).concat("(page)");
            }"""
        )
        found += [f"{width}: {each}" for each in beyond]
    page.set_viewport_size({"width": MIDDLE, "height": 900})
    found += twice_as_large(page)
    page.set_viewport_size({"width": WIDE, "height": 900})
    return found


def twice_as_large(page: Page) -> list[str]:
    """What sticks out when only the letters are twice as large, as browsers can be told."""
    return [
        f"letters: {each}"
        for each in page.evaluate(
            """() => {
              const root = document.documentElement;
              root.style.fontSize = "200%";
              const limit = root.clientWidth;
              const beyond = root.scrollWidth <= limit ? [] :
                [...document.body.querySelectorAll("*")]
                  .filter(element => element.getBoundingClientRect().right > limit + 1)
                  .map(element => element.outerHTML.slice(0, 90)).concat("(page)");
              root.style.fontSize = "";
              return beyond;
            }"""
        )
    ]


def judge(page: Page) -> None:
    """Fail when there is anything to complain about, in whatever colours and widths."""
    found = violations(page, EVERYTHING)
    page.emulate_media(color_scheme="dark")
    page.evaluate(TWO_FRAMES)
    found += [f"dark: {each}" for each in violations(page, COLOURS)]
    found += overflowing(page)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_everybody_can_use_the_page(shown: Showing, story: Story, case: Case) -> None:
    page = shown(case.person, allowed=(case.status,))

    case.reach(page, story)

    for row in ROUTES:
        if SHOWN_BY.get(row.name) == case.name and row.method == "GET":
            pattern = re.sub(r"\{\w+\}", "[^/]+", row.path)
            assert re.fullmatch(pattern, urlsplit(page.url).path), f"this is not {row.name}"
    judge(page)


def test_every_page_of_the_table_is_in_the_list() -> None:
    pages = {row.name for row in ROUTES if row.method == "GET" and not row.is_api} - NOT_PAGES

    assert pages - {"api.openapi"} == set(SHOWN_BY)
    assert set(SHOWN_BY.values()) <= {case.name for case in CASES}


@pytest.mark.parametrize("case", [c for c in CASES if c.name in ENGLISH], ids=lambda c: c.name)
def test_the_english_page_is_as_good(shown: Showing, story: Story, case: Case) -> None:
    page = shown(case.person, language="en-GB")

    case.reach(page, story)

    assert page.locator("html").get_attribute("lang") == "en"
    judge(page)


@pytest.mark.parametrize("case", [c for c in CASES if c.name in MIRRORED], ids=lambda c: c.name)
def test_the_page_works_from_right_to_left(shown: Showing, story: Story, case: Case) -> None:
    page = shown(case.person, allowed=(case.status,))

    case.reach(page, story)
    page.evaluate("Object.assign(document.documentElement, {dir: 'rtl', lang: 'ar'})")

    judge(page)


def test_everybody_can_read_the_instruction(visitors: Visitors, demo: Demo) -> None:
    """As it looks to somebody who comes for the first time, and where one button leads."""
    with visitors.context() as context:
        page = context.new_page()
        page.goto("/sign-in?next=/sent")
        page.get_by_role("link", name="Anmelden").click()
        page.get_by_role("button", name=re.compile("^Selin Beispiel")).click()
        page.get_by_role("button", name="Gelesen").wait_for()

        judge(page)

        page.get_by_role("button", name="Gelesen").click()
        page.wait_for_url(f"{demo.url}/sent")


@pytest.fixture
def without_store(demo: Demo) -> Iterator[None]:
    """The folder of the documents is away for a moment."""
    folder = demo.var / "objects"
    away = folder.rename(folder.with_name("objects-away"))
    yield
    away.rename(folder)


@pytest.mark.usefixtures("without_store")
def test_everybody_can_read_that_a_part_is_down(shown: Showing, story: Story) -> None:
    page = shown(AMINA, allowed=(503,))

    response = page.goto(f"{story.new}/content")

    assert response is not None
    assert response.status == 503
    judge(page)
