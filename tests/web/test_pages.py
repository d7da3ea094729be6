"""The pages: every template in every state and language, formats, language and assets."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import UndefinedError
from tests.web.samples import CLERK, HOSTILE, VISITOR, Sample, samples

from kursdocs import catalogue
from kursdocs.core.access import ROLE_PERMISSIONS, Role
from kursdocs.web import pages
from kursdocs.web.pages import FrontendMissing, Pages

MIB = 1024 * 1024
FIRST_PAGE_BYTES_MAX = 150 * 1024
VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})


@pytest.fixture(scope="module")
def rendered() -> Pages:
    """The pages as the application loads them."""
    return pages.load(pages.frontend_folder(), catalogue.load())


class Outline(HTMLParser):
    """Reads a page strictly: what is open must be closed, and everything is noted."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


def outline(rendered: Pages, sample: Sample, **changes: Any) -> Outline:
    page = replace(sample.page, **changes)
    return Outline(rendered.render(sample.template, page, **sample.context))


SAMPLES = samples()
each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
each_language = pytest.mark.parametrize("language", pages.LANGUAGES)


def test_every_template_has_a_sample() -> None:
    folder = pages.frontend_folder() / "templates"
    templates = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.html")
        if not path.name.startswith("_")
    }

    assert {sample.template for sample in SAMPLES} == templates


@each_language
@each_sample
def test_a_page_is_well_formed(rendered: Pages, sample: Sample, language: str) -> None:
    page = outline(rendered, sample, language=language)

    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert sorted(ids, key=str) == sorted(set(ids), key=str)
    assert len(list(page.all("h1"))) == 1
    assert len(list(page.all("main"))) == 1
    assert next(page.all("html"))["lang"] == language


@each_sample
def test_a_page_obeys_its_own_security_policy(rendered: Pages, sample: Sample) -> None:
    page = outline(rendered, sample)

    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert list(page.all("style")) == []
    assert all(script["src"] for script in page.all("script"))
    for element, attribute in (("script", "src"), ("link", "href"), ("img", "src")):
        assert all(str(found[attribute]).startswith("/") for found in page.all(element))


@each_sample
def test_every_field_has_a_label_and_every_reference_a_target(
    rendered: Pages, sample: Sample
) -> None:
    page = outline(rendered, sample)

    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    labelled = {label.get("for") for label in page.all("label")}
    for tag in ("input", "select", "progress"):
        for field in page.all(tag):
            assert field.get("type") == "hidden" or field["id"] in labelled
    for _, attributes in page.elements:
        for reference in str(attributes.get("aria-describedby") or "").split():
            assert reference in ids
        href = str(attributes.get("href") or "")
        assert not href.startswith("#") or href[1:] in ids, href


@each_sample
def test_hostile_text_stays_text(rendered: Pages, sample: Sample) -> None:
    html = rendered.render(sample.template, sample.page, **sample.context)

    assert HOSTILE not in html
    assert "<img src=x" not in html


@each_sample
def test_the_two_languages_do_not_mix(rendered: Pages, sample: Sample) -> None:
    page = outline(rendered, sample, language="en")

    text = " ".join(page.text)
    assert not re.search(r"\b(Bitte|Zurück|Übernehmen|Herunterladen|Abbrechen)\b", text) or (
        "mistaken" in sample.name
    )


def test_a_missing_name_is_an_error_not_an_empty_place(rendered: Pages) -> None:
    with pytest.raises(UndefinedError):
        rendered.render("documents/sent.html", CLERK, next_href="")


def test_no_template_can_switch_escaping_off() -> None:
    for path in (pages.frontend_folder() / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "|safe" not in text.replace(" ", ""), path
        assert "autoescape" not in text, path


# ── The frame ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.CLERK, ["/inbox", "/desk", "/sent", "/catalogue"]),
        (
            Role.HEAD,
            ["/inbox", "/desk", "/sent", "/members", "/log", "/catalogue", "/settings"],
        ),
        (
            Role.COORDINATOR,
            ["/agencies", "/numbers", "/reminders", "/municipality", "/members", "/catalogue"],
        ),
        (Role.AUDITOR, ["/log", "/integrity", "/catalogue"]),
    ],
)
def test_the_navigation_offers_what_the_role_may_open(role: Role, expected: list[str]) -> None:
    page = replace(VISITOR, permissions=ROLE_PERMISSIONS[role])

    assert [item.href for item in page.navigation] == expected


@pytest.mark.parametrize(
    ("role", "leads"),
    [(Role.CLERK, True), (Role.HEAD, True), (Role.COORDINATOR, False), (Role.AUDITOR, False)],
)
def test_the_foot_leads_to_the_numbers_of_ones_own_agency(role: Role, leads: bool) -> None:
    assert replace(VISITOR, permissions=ROLE_PERMISSIONS[role]).has_own_numbers is leads


def test_the_navigation_marks_the_current_page() -> None:
    page = replace(CLERK, path="/inbox?state=returned")

    assert [item.href for item in page.navigation if item.is_current] == ["/inbox"]


def test_a_visitor_sees_no_navigation_and_no_sign_out(rendered: Pages) -> None:
    html = rendered.render("accounts/sign_in.html", VISITOR, start_href="/sign-in/start")

    assert "<nav" not in html
    assert "/sign-out" not in html


def test_the_switcher_appears_only_with_several_agencies(rendered: Pages) -> None:
    one = replace(CLERK, memberships=CLERK.memberships[:1])

    assert "/acting-agency" in rendered.render("accounts/signed_out.html", CLERK)
    assert "/acting-agency" not in rendered.render("accounts/signed_out.html", one)


def test_every_page_says_when_nothing_is_scanned_for_malware(rendered: Pages) -> None:
    for is_unscanned in (True, False):
        page = replace(CLERK, is_demo=False, is_unscanned=is_unscanned)
        html = rendered.render("accounts/signed_out.html", page)
        assert ("Ohne Virenprüfung." in html) == is_unscanned


def test_the_chosen_theme_is_set_by_the_server(rendered: Pages) -> None:
    dark = replace(VISITOR, theme="dark")

    assert 'data-kern-theme="dark"' in rendered.render("accounts/signed_out.html", dark)
    assert "data-kern-theme" not in rendered.render("accounts/signed_out.html", VISITOR)


def test_right_to_left_languages_turn_the_page() -> None:
    assert replace(VISITOR, language="ar").direction == "rtl"
    assert replace(VISITOR, language="en").direction == "ltr"


def test_the_footer_has_only_the_links_the_operator_gave(rendered: Pages) -> None:
    page = replace(VISITOR, links=(("Impressum", "https://musterstadt.example/impressum"),))

    html = rendered.render("accounts/signed_out.html", page)

    assert 'href="https://musterstadt.example/impressum"' in html
    assert "Impressum" not in rendered.render("accounts/signed_out.html", VISITOR)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("live", "Gespeichert und zugestellt"),
        ("held", "Gespeichert, wird noch geprüft"),
        ("withdrawn", "Die Empfänger können es nicht mehr öffnen."),
        ("blocked", "Das Papier wurde niemandem zugestellt"),
        ("erased", "inzwischen ist sein Inhalt gelöscht"),
    ],
)
def test_a_receipt_says_what_became_of_the_paper(rendered: Pages, state: str, said: str) -> None:
    name = "receipt" if state == "live" else f"receipt-{state}"
    sample = next(s for s in SAMPLES if s.name == name)
    text = rendered.render(sample.template, sample.page, **sample.context)

    assert said in text
    assert ("Gespeichert und zugestellt" in text) == (state == "live")
    assert ("Zurückgezogen am <time" in text) == (state == "withdrawn")
    assert ("Was nun geschieht" in text) == (state in ("live", "held"))


# ── The form ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sample",
    [s for s in SAMPLES if s.template == "documents/new.html" and s.name != "new-nobody"],
    ids=lambda s: s.name,
)
def test_all_fields_stand_before_the_file(rendered: Pages, sample: Sample) -> None:
    page = outline(rendered, sample)

    names = [
        attributes.get("name")
        for tag, attributes in page.elements
        if tag in ("input", "select") and attributes.get("name") not in ("return_to", None)
    ]
    assert names[-1] == "file"
    assert names[:3] == ["kind", "acting_agency", "idempotency_key"]


def test_what_was_typed_comes_back_with_the_mistakes(rendered: Pages) -> None:
    sample = next(s for s in SAMPLES if s.name == "new-mistaken")

    page = outline(rendered, sample)

    inputs = {str(field.get("id")): field for field in page.all("input")}
    assert inputs["birth_date"]["value"] == "31.02.1990"
    assert inputs["birth_date"]["aria-invalid"] == "true"
    assert HOSTILE in str(inputs["family_name"]["value"])
    assert "checked" in inputs["recipient-2"]
    assert "checked" not in inputs["recipient"]
    assert {"href": "#birth_date", "class": "kern-link"} in list(page.all("a"))


# ── Formats ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "de",
            '<time datetime="2026-03-29T01:30:00Z">29.03.2026, 03:30\N{NO-BREAK SPACE}Uhr</time>',
        ),
        (
            "en",
            '<time datetime="2026-03-29T01:30:00Z">'
            "29\N{NO-BREAK SPACE}Mar\N{NO-BREAK SPACE}2026, 03:30</time>",
        ),
    ],
)
def test_moments_are_local_for_people_and_universal_for_programs(
    language: str, expected: str
) -> None:
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)

    assert expected == pages.show_moment(moment, language)


def test_days_follow_the_language() -> None:
    day = date(2026, 1, 2)

    assert "02.01.2026" in pages.show_date(day, "de")
    assert "2 Jan 2026" in pages.show_date(day, "en")


@pytest.mark.parametrize(
    ("count", "language", "expected"),
    [
        (0, "de", "0 KiB"),
        (812, "de", "0,8 KiB"),
        (812_345, "de", "793 KiB"),
        (5 * MIB + MIB // 4, "de", "5,2 MiB"),
        (5 * MIB + MIB // 4, "en", "5.2 MiB"),
        (32 * MIB, "en", "32 MiB"),
    ],
)
def test_sizes_read_as_people_say_them(count: int, language: str, expected: str) -> None:
    assert expected == pages.show_size(count, language).replace("\N{NO-BREAK SPACE}", " ")


def test_a_name_is_isolated_and_escaped() -> None:
    paper = SimpleNamespace(family_name="<b>محمد", given_names="")

    assert pages.isolated(pages.plain_name(paper)) == "<bdi>&lt;b&gt;محمد</bdi>"


def test_a_hash_can_be_copied_whole() -> None:
    shown = pages.show_digest("ab" * 32)

    assert re.sub("<[^>]*>", "", shown) == "ab" * 32


def test_marked_sentences_are_translated_where_they_are_shown(rendered: Pages) -> None:
    sentence = "Der Text ist zu lang; höchstens %(max)s Zeichen."

    assert "höchstens 120 Zeichen" in rendered.text("de", sentence, max=120)
    assert "120 characters at most" in rendered.text("en", sentence, max=120)
    assert rendered.text("en", "") == ""


# ── Language ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cookie", "accepted", "expected"),
    [
        (None, None, "de"),
        ("en", "de", "en"),
        ("fr", "en-GB,en;q=0.9,de;q=0.8", "en"),
        (None, "fr, de;q=0.3, en;q=0.7", "en"),
        (None, "uk,ru;q=0.9", "de"),
        (None, "en;q=0, de", "de"),
        (None, "en;q=much, de", "de"),
        (None, "de;q=0.5,en;q=0.5", "de"),
        (None, ",;;q==," * 1000, "de"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_browsers(
    cookie: str | None, accepted: str | None, expected: str
) -> None:
    assert pages.language_of(cookie, accepted) == expected


# ── Assets ───────────────────────────────────────────────────────────────────────────────────


def test_a_missing_build_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FrontendMissing, match="npm ci && npm run build"):
        pages.load(tmp_path, catalogue.load())


def test_every_asset_of_a_page_exists(rendered: Pages) -> None:
    html = rendered.render("accounts/signed_out.html", VISITOR)

    for address in re.findall(r'(?:src|href)="/static/([^"]+)"', html):
        assert (rendered.static_folder / address).is_file(), address
    assert len(rendered.assets.fonts) == 2


def test_a_first_page_stays_within_its_budget_without_fonts(rendered: Pages) -> None:
    paths = [rendered.assets.script, *rendered.assets.styles, "/static/favicon.svg"]
    packed = [rendered.static_folder / f"{path.removeprefix('/static/')}.gz" for path in paths]
    weight = sum(path.stat().st_size for path in packed)

    heaviest = max(
        len(rendered.render(sample.template, sample.page, **sample.context).encode())
        for sample in SAMPLES
    )

    assert weight + heaviest < FIRST_PAGE_BYTES_MAX


def test_the_style_sheet_defines_every_token_it_uses(rendered: Pages) -> None:
    """The build leaves out of KERN what is not used; it must not leave out what is."""
    style = rendered.assets.styles[0].removeprefix("/static/")
    css = (rendered.static_folder / style).read_text(encoding="utf-8")

    defined = set(re.findall(r"(--[\w-]+)\s*:", css))
    used = set(re.findall(r"var\((--kern-color[\w-]+|--kd-[\w-]+)", css))

    unknown_to_kern_itself = {"--kern-color-layout-layer-surface"}
    assert used - defined - unknown_to_kern_itself == set()


def test_every_icon_and_badge_of_the_templates_is_in_the_style_sheet(rendered: Pages) -> None:
    style = rendered.assets.styles[0].removeprefix("/static/")
    css = (rendered.static_folder / style).read_text(encoding="utf-8")

    used = {
        name
        for sample in SAMPLES
        for name in re.findall(
            r"kern-(?:icon|badge|alert|btn)--[\w-]+",
            rendered.render(sample.template, sample.page, **sample.context),
        )
    }

    assert {name for name in used if f".{name}" not in css} == set()
