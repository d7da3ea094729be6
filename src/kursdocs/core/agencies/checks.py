"""What may be set of municipalities and agencies: each check gives a stable code, or nothing.

Values come in as text somebody typed. A mistake names its field and never carries the value.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from kursdocs.catalogue import DateFormat
from kursdocs.catalogue.fields import fits, read_value
from kursdocs.core.agencies import file_names
from kursdocs.core.agencies.lands import LANDS
from kursdocs.core.agencies.tables import (
    CLOSING_NAME_LENGTH_MAX,
    FIRST_HOUR,
    LAST_HOUR,
    MAILBOX_LENGTH_MAX,
    NAME_LENGTH_MAX,
    PATTERN_LENGTH_MAX,
    PlanTime,
)
from kursdocs.core.errors import Invalid, InvalidForm

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Plain addresses only. A line break or an angle bracket would be a header of its own in a mail.
_MAILBOX = re.compile(rf"[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@{_LABEL}(?:\.{_LABEL})*")
_LOCAL_PART_LENGTH_MAX = 64
_HOUR = re.compile(r"[0-9]{1,2}")
YES, NO = "yes", "no"
"""What is typed of something that is so or is not."""
EXPECTED_MAX = 9999
_NUMBER = re.compile(r"[0-9]{1,4}")
# Nobody plans further ahead, and a mistyped year shows.
_AHEAD = timedelta(days=2 * 366)


def raise_if(mistakes: list[Invalid]) -> None:
    """Raise the one mistake as itself, several of them as one ``InvalidForm``."""
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise InvalidForm(mistakes)


def found(*mistakes: Invalid | None) -> list[Invalid]:
    """Those that are mistakes."""
    return [mistake for mistake in mistakes if mistake is not None]


def slug(value: str, field: str = "slug") -> Invalid | None:
    """``slug_invalid`` unless it can stand in an address."""
    return None if _SLUG.fullmatch(value) else Invalid("slug_invalid", field=field)


def name(value: str, field: str = "name") -> Invalid | None:
    """``name_invalid`` when empty, too long, or with characters that do not show."""
    stripped = value.strip()
    if 1 <= len(stripped) <= NAME_LENGTH_MAX and stripped.isprintable():
        return None
    return Invalid("name_invalid", field=field, limit=NAME_LENGTH_MAX)


def mailbox(value: str, field: str = "mailbox") -> Invalid | None:
    """``mailbox_invalid`` unless empty or one plain address, without name, list or line break."""
    is_one = len(value) <= MAILBOX_LENGTH_MAX and _MAILBOX.fullmatch(value)
    if not value or (is_one and len(value.partition("@")[0]) <= _LOCAL_PART_LENGTH_MAX):
        return None
    return Invalid("mailbox_invalid", field=field)


def land(value: str, field: str = "land") -> Invalid | None:
    """``land_unknown`` unless empty or the code of one of the sixteen Länder."""
    return None if not value or value in LANDS else Invalid("land_unknown", field=field)


def hour(value: str, field: str = "digest_hour") -> Invalid | None:
    """``hour_out_of_range`` unless a full hour of the working day."""
    if _HOUR.fullmatch(value) and FIRST_HOUR <= int(value) <= LAST_HOUR:
        return None
    return Invalid("hour_out_of_range", field=field, min=FIRST_HOUR, max=LAST_HOUR)


def day(value: str, field: str, *, today: date) -> Invalid | None:
    """``field_missing``, ``field_date_impossible`` or ``field_date_out_of_range`` (past, far)."""
    if not value.strip():
        return Invalid("field_missing", field=field)
    if not fits(DateFormat(earliest=date.min, latest=date.max), value):
        return Invalid("field_date_impossible", field=field)
    if today <= read_day(value) <= today + _AHEAD:
        return None
    latest = (today + _AHEAD).isoformat()
    return Invalid("field_date_out_of_range", field=field, min=today.isoformat(), max=latest)


def read_day(value: str) -> date:
    """The day that :func:`day` accepted, typed as ``2026-12-31`` or ``31.12.2026``."""
    every = DateFormat(earliest=date.min, latest=date.max)
    return date.fromisoformat(read_value(every, value))


def period(typed: Mapping[str, str], codes: Mapping[str, str], *, today: date) -> tuple[date, date]:
    """First and last day off as typed; the first may be over: not everything is entered in time.

    Raises ``Invalid`` or ``InvalidForm`` like :func:`day`; ``codes`` has those of days that end
    before they begin (``order``) and that are over.
    """
    earliest = today - timedelta(days=31)
    raise_if(
        found(
            day(typed.get("first_day", ""), "first_day", today=earliest),
            day(typed.get("last_day", ""), "last_day", today=earliest),
        )
    )
    first, last = read_day(typed["first_day"]), read_day(typed["last_day"])
    if last < first:
        raise Invalid(codes["order"], field="last_day")
    if last < today:
        raise Invalid(codes["over"], field="last_day")
    return first, last


def plan_days(value: str, field: str = "plan_days") -> Invalid | None:
    """``field_choice`` unless ISO numbers of Monday to Friday in their order, or empty."""
    are_days = set(value) <= set("12345") and list(value) == sorted(set(value))
    return None if are_days else Invalid("field_choice", field=field)


def plan_time(value: str, field: str = "plan_time") -> Invalid | None:
    """``field_choice`` unless empty or one of the times of a plan."""
    is_known = not value or value in {each.value for each in PlanTime}
    return None if is_known else Invalid("field_choice", field=field)


def flag(value: str, field: str) -> Invalid | None:
    """``field_choice`` unless yes or no."""
    return None if value in (YES, NO) else Invalid("field_choice", field=field)


def expected(value: str, field: str = "expected_per_month") -> Invalid | None:
    """``expected_out_of_range`` unless empty or a number that an agency could reach in a month."""
    if not value or (_NUMBER.fullmatch(value) and int(value) <= EXPECTED_MAX):
        return None
    return Invalid("expected_out_of_range", field=field, max=EXPECTED_MAX)


def closing_name(value: str, field: str = "closing_name") -> Invalid | None:
    """``closing_name_invalid`` when empty, too long, or with characters that do not show."""
    if 1 <= len(value) <= CLOSING_NAME_LENGTH_MAX and value.isprintable():
        return None
    return Invalid("closing_name_invalid", field=field, limit=CLOSING_NAME_LENGTH_MAX)


def pattern(value: str, field: str = "file_name_pattern") -> Invalid | None:
    """``pattern_too_long``, ``pattern_unknown`` (a placeholder) or ``pattern_characters``."""
    if len(value) > PATTERN_LENGTH_MAX:
        return Invalid("pattern_too_long", field=field, limit=PATTERN_LENGTH_MAX)
    if unknown := file_names.unknown_placeholders(value):
        return Invalid("pattern_unknown", field=field, placeholder=_short(unknown))
    if file_names.has_unsafe_characters(value):
        return Invalid("pattern_characters", field=field)
    return None


def _short(names: Iterable[str]) -> str:
    """The first of the names, cut; it is shown in a sentence."""
    return next(iter(names))[:30]
