"""HTML pages: the Jinja environments, languages, formats, and what every page knows.

One environment per language, so that filters and wording never need to ask. German is the source
language: templates hold German sentences, ``frontend/locale`` holds what they mean in others.
This module must not know requests, sessions or the database; it turns plain values into text.

Entry points in reading order: :func:`frontend_folder`, :func:`load`, :class:`Pages`,
:class:`Page`, :func:`language_of`.
"""

import gettext
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Protocol
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kursdocs import __version__
from kursdocs.catalogue import AgencyKind, Catalogue, Text
from kursdocs.core.access import Permission, Role
from kursdocs.core.documents.downloads import name_of_copy
from kursdocs.core.documents.reasons import BY_ITSELF, DECLINE_REASONS
from kursdocs.core.workdays import local_date

LANGUAGES = ("de", "en")
SOURCE_LANGUAGE = "de"
LANGUAGE_NAMES = MappingProxyType({"de": "Deutsch", "en": "English"})
THEMES = ("light", "dark")
RIGHT_TO_LEFT = frozenset({"ar", "fa", "prs", "ps", "ur", "ckb"})
LOCAL_TIME = ZoneInfo("Europe/Berlin")

_LOCALES = {"de": Locale("de", "DE"), "en": Locale("en", "GB")}
_DATE_FORMATS = {"de": "dd.MM.yyyy", "en": "d MMM yyyy"}
_SHORT_DATE_FORMATS = {"de": "dd.MM.", "en": "d MMM"}
_LONG_DATE_FORMATS = {"de": "EEEE, d. MMMM yyyy", "en": "EEEE, d MMMM yyyy"}
# In a narrow column the line breaks after the comma, and nowhere else.
_MOMENT_FORMATS = {
    "de": "dd.MM.yyyy, HH:mm\N{NO-BREAK SPACE}'Uhr'",
    "en": "d\N{NO-BREAK SPACE}MMM\N{NO-BREAK SPACE}yyyy, HH:mm",
}

_EXACT_FORMATS = {"de": "dd.MM.yyyy, HH:mm:ss 'Uhr' (zzz)", "en": "d MMM yyyy, HH:mm:ss (zzz)"}
_CLOCK_FORMATS = {"de": "HH:mm\N{NO-BREAK SPACE}'Uhr'", "en": "HH:mm"}


class FrontendMissing(Exception):
    """The built front end is not where it should be; the message says what to do."""


def N_(sentence: str) -> str:  # noqa: N802 (the name gettext tools look for)
    """Mark a German sentence for translation; it is translated where it is shown."""
    return sentence


ROLE_NAMES = MappingProxyType(
    {
        Role.CLERK: N_("Sachbearbeitung"),
        Role.HEAD: N_("Leitung"),
        Role.COORDINATOR: N_("Koordination"),
        Role.AUDITOR: N_("Datenschutz"),
    }
)

# ── Where the files are ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Assets:
    """Addresses of what every page loads, with hashed names."""

    script: str
    styles: tuple[str, ...]
    fonts: tuple[str, ...]


def frontend_folder() -> Path:
    """The folder with ``templates``, ``locale`` and ``dist``: in the wheel, or the checkout."""
    packaged = Path(str(files("kursdocs"))) / "_web"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "frontend"


def load_assets(folder: Path) -> Assets:
    """Read the build's manifest; raises :class:`FrontendMissing`."""
    manifest = folder / "dist" / "manifest.json"
    if not manifest.is_file():
        raise FrontendMissing(
            f"{manifest} is missing: build the front end with 'npm ci && npm run build' in {folder}"
        )
    entry = json.loads(manifest.read_text(encoding="utf-8"))["src/main.ts"]
    return Assets(
        script=f"/static/{entry['file']}",
        styles=tuple(f"/static/{name}" for name in entry.get("css", ())),
        fonts=tuple(f"/static/{name}" for name in entry.get("assets", ()) if "woff2" in name),
    )


# ── What every page knows ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Membership:
    """One entry of the agency switcher."""

    id: str
    label: str
    is_acting: bool = False


@dataclass(frozen=True)
class Flash:
    """A message shown once: ``kind`` is info, success, warning or danger; the text is ready."""

    kind: str
    text: str


@dataclass(frozen=True)
class Page:
    """What every template gets as ``page``.

    ``path`` is the current address with its query. ``permissions`` decide the navigation; nobody
    signed in means no ``actor_name``. ``today`` is the local date. ``links`` are the operator's
    (imprint, privacy), so that the footer never points nowhere. ``is_unscanned``: by explicit
    choice nothing is scanned for malware, which every page says. ``has_requests``: the agency can
    ask for papers, or be asked; ``has_follow_ups``: something should follow papers of its kind.
    """

    language: str
    today: date
    path: str
    theme: str = ""
    municipality: str = ""
    actor_name: str = ""
    agency_name: str = ""
    memberships: Sequence[Membership] = ()
    permissions: frozenset[Permission] = frozenset()
    new_count: int = 0
    has_requests: bool = False
    requests_open: int = 0
    requests_overdue: int = 0
    has_follow_ups: bool = False
    follow_ups_open: int = 0
    flash: Flash | None = None
    is_demo: bool = False
    is_unscanned: bool = False
    links: Sequence[tuple[str, str]] = ()
    version: str = __version__

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    @property
    def can_switch(self) -> bool:
        """Whether there is another membership to act under."""
        return any(not membership.is_acting for membership in self.memberships)

    @property
    def navigation(self) -> list["NavigationItem"]:
        """What the actor may open, in the order of a working day."""
        here = self.path.partition("?")[0]
        return [
            NavigationItem(
                href=href,
                label=label,
                is_current=here == href,
                counts=self._counts.get(href, ()),
            )
            for href, label, permissions in _NAVIGATION
            if self.permissions & permissions and self._possible.get(href, True)
        ]

    @property
    def has_own_numbers(self) -> bool:
        """Whether the foot of the page leads to the numbers of one's own agency."""
        return Permission.AGENCY_NUMBERS_READ in self.permissions

    @property
    def _possible(self) -> Mapping[str, bool]:
        """What the agency can have at all, where the permission alone does not say it."""
        return {"/requests": self.has_requests, "/follow-ups": self.has_follow_ups}

    @property
    def _counts(self) -> Mapping[str, Sequence[tuple[int, str]]]:
        """What waits behind an entry of the navigation, and what the number counts."""
        return {
            "/inbox": ((self.new_count, N_("neu")),),
            "/requests": (
                (self.requests_open, N_("offen")),
                (self.requests_overdue, N_("überfällig")),
            ),
            "/follow-ups": ((self.follow_ups_open, N_("offen")),),
        }


@dataclass(frozen=True)
class NavigationItem:
    """One entry of the navigation; the template translates ``label`` and what is counted."""

    href: str
    label: str
    is_current: bool
    counts: Sequence[tuple[int, str]]


_NAVIGATION: tuple[tuple[str, str, frozenset[Permission]], ...] = (
    ("/inbox", N_("Eingang"), frozenset({Permission.INBOX_READ})),
    ("/desk", N_("Senden"), frozenset({Permission.DOCUMENT_SEND})),
    ("/sent", N_("Gesendet"), frozenset({Permission.SENT_READ})),
    ("/requests", N_("Anforderungen"), frozenset({Permission.REQUEST_READ})),
    ("/follow-ups", N_("Wiedervorlagen"), frozenset({Permission.FOLLOW_UPS})),
    ("/agencies", N_("Stellen"), frozenset({Permission.MUNICIPALITY_NUMBERS_READ})),
    # Nobody at an agency works with its numbers daily: they find them at the foot of each page.
    ("/numbers", N_("Zahlen"), frozenset({Permission.MUNICIPALITY_NUMBERS_READ})),
    # Heads come from their settings.
    ("/reminders", N_("Erinnerungen"), frozenset({Permission.MUNICIPALITY_NUMBERS_READ})),
    ("/municipality", N_("Kommune"), frozenset({Permission.MUNICIPALITY_MANAGE})),
    ("/members", N_("Mitglieder"), frozenset({Permission.MEMBERS_MANAGE})),
    (
        "/log",
        N_("Protokoll"),
        frozenset({Permission.AGENCY_LOG_READ, Permission.MUNICIPALITY_LOG_READ}),
    ),
    # A coordinator finds it on the page of the municipality.
    ("/integrity", N_("Prüfbericht"), frozenset({Permission.MUNICIPALITY_LOG_READ})),
    ("/catalogue", N_("Papierarten"), frozenset({Permission.CATALOGUE_READ})),
    # Of heads only: a coordinator finds the settings of many agencies in their list.
    ("/settings", N_("Einstellungen"), frozenset({Permission.AGENCY_LOG_READ})),
)


def language_of(cookie: str | None, accept_language: str | None) -> str:
    """The language to answer in: the chosen one, else the browser's first we have, else German."""
    if cookie in LANGUAGES:
        return cookie
    for wanted in _by_preference(accept_language or ""):
        if wanted.partition("-")[0] in LANGUAGES:
            return wanted.partition("-")[0]
    return SOURCE_LANGUAGE


def _by_preference(accept_language: str) -> list[str]:
    ranked: list[tuple[float, str]] = []
    for part in accept_language[:200].split(","):
        tag, _, weight = part.strip().lower().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if tag and quality > 0:
            ranked.append((quality, tag))
    return [tag for _, tag in sorted(ranked, key=lambda entry: -entry[0])]


# ── Rendering ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Pages:
    """Renders templates and translates sentences. Made once, at start, by :func:`load`."""

    assets: Assets
    static_folder: Path
    _environments: Mapping[str, Environment] = field(repr=False)
    _translations: Mapping[str, gettext.NullTranslations] = field(repr=False)

    def render(self, template: str, page: Page, **context: object) -> str:
        """The page as HTML. A name the template needs and does not get is an error."""
        environment = self._environments.get(page.language, self._environments[SOURCE_LANGUAGE])
        return environment.get_template(template).render(page=page, **context)

    def text(self, language: str, sentence: str, /, **values: object) -> str:
        """A marked German sentence in that language, with its ``%(name)s`` filled in."""
        translations = self._translations.get(language, self._translations[SOURCE_LANGUAGE])
        found = translations.gettext(sentence) if sentence else ""
        return found % values if values else found


def load(folder: Path, catalogue: Catalogue) -> Pages:
    """Read templates, translations and the asset manifest below ``folder``.

    The catalogue knows how kinds, reasons and agencies are called. Raises
    :class:`FrontendMissing`.
    """
    assets = load_assets(folder)
    translations = {language: read_translations(folder, language) for language in LANGUAGES}
    environments = {
        language: _environment(folder, language, translations[language], catalogue)
        for language in LANGUAGES
    }
    for environment in environments.values():
        environment.globals["assets"] = assets
    return Pages(assets, folder / "dist", environments, translations)


def read_translations(folder: Path, language: str) -> gettext.NullTranslations:
    """The catalogue of a language, compiled in memory; the source language needs none."""
    catalogue = folder / "locale" / language / "LC_MESSAGES" / "kursdocs.po"
    if language == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    compiled = BytesIO()
    with catalogue.open("rb") as lines:
        write_mo(compiled, read_po(lines, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _environment(
    folder: Path,
    language: str,
    translations: gettext.NullTranslations,
    catalogue: Catalogue,
) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    _install(environment, translations)
    # Escaping is never switched off in a template.
    del environment.filters["safe"]
    environment.filters.update(_filters(language, catalogue, translations))
    environment.globals["languages"] = LANGUAGE_NAMES
    return environment


def _install(environment: Environment, translations: gettext.NullTranslations) -> None:
    install: Callable[..., None] = environment.install_gettext_translations  # type: ignore[attr-defined]
    install(translations, newstyle=True)


def _filters(
    language: str, catalogue: Catalogue, translations: gettext.NullTranslations
) -> Mapping[str, Callable[..., object]]:
    def choices(options: Iterable[Worded]) -> list[tuple[str, str]]:
        return [(option.code, option.text.get(language)) for option in options]

    def worded(code: str, options: Iterable[Worded]) -> str:
        return dict(choices(options)).get(code, code)

    def kind_name(code: str) -> str:
        kind = catalogue.kind(code)
        return kind.name.get(language) if kind else code

    def agency_kind(kind: AgencyKind) -> str:
        return catalogue.agency_kind_names[kind].get(language)

    return {
        "date": lambda day: show_date(day, language),
        "long_date": lambda day: show_long_date(day, language),
        "moment": lambda moment: show_moment(moment, language),
        "clock": lambda moment: show_clock(moment, language),
        "day": lambda moment: show_date(local_date(moment), language),
        "last_day": lambda until: show_date(last_day(until), language),
        "size": lambda count: show_size(count, language),
        "number": lambda value: format_decimal(value, locale=_LOCALES[language]),
        "full_name": lambda paper: isolated(plain_name(paper)),
        "plain_name": plain_name,
        "isolated": isolated,
        "digest": show_digest,
        "copy_name": lambda copied, pattern: name_of_copy(pattern, catalogue, copied),
        "local": lambda text: text.get(language),
        "choices": choices,
        "kind_name": kind_name,
        "agency_kind": agency_kind,
        "role": lambda role: translations.gettext(ROLE_NAMES[role]),
        "settle_reason": lambda code: worded(code, catalogue.settle_reasons),
        "request_decline_reason": lambda code: worded(code, catalogue.request_decline_reasons),
        "return_reason": lambda code: worded(code, return_reasons(catalogue)),
        "withdrawal_reason": lambda code: worded(code, withdrawal_reasons(catalogue)),
    }


class Worded(Protocol):
    """An entry of a closed list: what is stored, and what people read."""

    @property
    def code(self) -> str: ...

    @property
    def text(self) -> Text: ...


def return_reasons(catalogue: Catalogue) -> tuple[Worded, ...]:
    """Why a delivery may have gone back, by hand or by itself."""
    return (*catalogue.return_reasons, *BY_ITSELF)


def withdrawal_reasons(catalogue: Catalogue) -> tuple[Worded, ...]:
    """Why a document may have ended, by hand or by itself."""
    return (
        *catalogue.withdrawal_reasons,
        *catalogue.correction_reasons,
        *DECLINE_REASONS,
        *BY_ITSELF,
    )


class _Named(Protocol):
    """Whatever carries the name of a person."""

    @property
    def family_name(self) -> str: ...

    @property
    def given_names(self) -> str: ...


# ── Formats ──────────────────────────────────────────────────────────────────────────────────


def show_date(day: date, language: str) -> Markup:
    """A day as ``<time>``."""
    return Markup('<time datetime="{}">{}</time>').format(
        day.isoformat(), plain_date(day, language)
    )


def plain_date(day: date, language: str) -> str:
    """A day for places where no markup can be, such as a sentence."""
    return format_date(day, _DATE_FORMATS[language], locale=_LOCALES[language])


def show_long_date(day: date, language: str) -> Markup:
    """A day with the name of its weekday, as ``<time>``."""
    text = format_date(day, _LONG_DATE_FORMATS[language], locale=_LOCALES[language])
    return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), text)


def plain_day_and_month(day: date, language: str) -> str:
    """A day without its year, where there is little room."""
    return format_date(day, _SHORT_DATE_FORMATS[language], locale=_LOCALES[language])


def plain_number(value: float, language: str) -> str:
    """A number as people write it, for places outside of templates."""
    return format_decimal(value, locale=_LOCALES[language])


def last_day(until: datetime) -> date:
    """The last day of something that ends with a midnight."""
    return local_date(until - timedelta(seconds=1))


def show_moment(moment: datetime, language: str) -> Markup:
    """A moment as ``<time>``: local time for people, UTC for programs."""
    text = plain_moment(moment, language)
    exact = moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}">{}</time>').format(exact, text)


def plain_moment(moment: datetime, language: str) -> str:
    """A moment in local time, for places where no markup can be."""
    return _local(moment, _MOMENT_FORMATS[language], language)


def exact_moment(moment: datetime, language: str) -> str:
    """The same to the second and with its zone, for what must stand on its own as a proof."""
    return _local(moment, _EXACT_FORMATS[language], language)


def _local(moment: datetime, pattern: str, language: str) -> str:
    local = moment.astimezone(LOCAL_TIME)
    return format_datetime(local, pattern, tzinfo=LOCAL_TIME, locale=_LOCALES[language])


def show_clock(moment: datetime, language: str) -> Markup:
    """The time of a moment of today as ``<time>``."""
    text = format_datetime(
        moment.astimezone(LOCAL_TIME),
        _CLOCK_FORMATS[language],
        tzinfo=LOCAL_TIME,
        locale=_LOCALES[language],
    )
    exact = moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}">{}</time>').format(exact, text)


def show_size(count: int, language: str) -> str:
    """A number of bytes in KiB or MiB, with one decimal below ten."""
    value, unit = (count / 1024, "KiB") if count < 1024 * 1024 else (count / 1024**2, "MiB")
    pattern = "#,##0.#" if value < 10 else "#,##0"
    amount = format_decimal(value, format=pattern, locale=_LOCALES[language])
    return f"{amount}\N{NO-BREAK SPACE}{unit}"


def plain_name(paper: _Named) -> str:
    """Family and given names for places where no markup can be, such as a label."""
    return ", ".join(name for name in (paper.family_name, paper.given_names) if name)


def isolated(text: str) -> Markup:
    """Foreign text in ``<bdi>``: its writing direction does not touch what stands around it."""
    return Markup("<bdi>{}</bdi>").format(text)


def show_digest(value: object) -> Markup:
    """A hash or id in groups of eight, with places to break and nothing more when copied."""
    text = str(value)
    groups = [text[start : start + 8] for start in range(0, len(text), 8)]
    return Markup('<code class="kd-code">{}</code>').format(Markup("<wbr>").join(groups))
