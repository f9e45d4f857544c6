"""Times as platforms write them, in file names, folder names and lists."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from coursekit.core.course import YEARS

# How the names of the months begin: in English first, then in German, French, Spanish, Italian and Portuguese.
_ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OTHERS = (
    "mär3 mrz3 mai5 okt10 dez12 fév2 avr4 juin6 juil7 aoû8 déc12 ene1 abr4 ago8 dic12 gen1 mag5 giu6 lug7 set9 ott10"
)
_MONTHS = {name: number for number, name in enumerate(_ENGLISH, 1)}
_MONTHS |= {word.rstrip("0123456789"): int(re.sub(r"\D", "", word)) for word in f"{_OTHERS} fev2 out10".split()}
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})\w*\.?"
_DATES = (
    re.compile(r"(?<!\d)(?P<year>\d{4})[-/._](?P<number>\d{1,2})[-/._](?P<day>\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<year>20\d\d)(?P<number>\d\d)(?P<day>\d\d)(?!\d)"),
    re.compile(rf"\b{_MONTH} {{1,2}}(?P<day>\d{{1,2}}),? {{1,2}}(?P<year>\d{{4}})(?!\d)", re.I),
    re.compile(rf"(?<!\d)(?P<day>\d{{1,2}})\.? {{1,2}}(?:de )?{_MONTH},? {{1,2}}(?:de )?(?P<year>\d{{4}})(?!\d)", re.I),
)
_TIME = re.compile(
    r"(?P<hour>\d{1,2})(?:[-:.h_](?P<minute>\d\d)(?:[-:.m_](?P<second>\d\d)(?:\.\d{1,9})?)?|(?P<minute2>\d\d)(?P<second2>\d\d)?)"
    r" ?(?P<half>[ap]\.?m\b\.?)? ?(?P<zone>Z\b|UTC\b|GMT\b|[-+]\d\d:?\d\d(?!\d)|[-+]\d\d(?!\d))?",
    re.I,
)
_LONGEST = 120  # characters


def instant(value: Any) -> datetime | None:
    """The time that a text, or a value of YAML, states; None if it states none, or one with which nobody can reckon.

    It has a time zone only where one is stated. A date alone is its first moment.

    Examples
    --------
    >>> instant("Jan 9, 2026 1104 PM").isoformat()
    '2026-01-09T23:04:00'
    >>> instant("2026-01-09-23-04-11").isoformat()
    '2026-01-09T23:04:11'
    >>> instant("2026-01-09 23:04:11 -0800").isoformat()
    '2026-01-09T23:04:11-08:00'
    >>> instant("final version")
    """
    moment = _stated(value)
    return moment if moment and moment.year in YEARS else None


def _stated(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    return _from_text(value) if isinstance(value, str) and len(value) <= _LONGEST else None


def _from_text(text: str) -> datetime | None:
    for pattern in _DATES:
        if found := pattern.search(text):
            try:
                return _with_time(_date(found), text[found.end() :])
            except ValueError:  # the 31st of February
                continue
    return None


def _date(found: re.Match) -> date:
    parts = found.groupdict()
    month = _MONTHS[parts["month"].lower()] if parts.get("month") else int(parts["number"])
    return date(int(parts["year"]), month, int(parts["day"]))


def _with_time(day: date, rest: str) -> datetime:
    found = _TIME.match(re.sub(r"^(?:,? at |[ T_,-]+)", "", rest))
    if not found:
        return datetime.combine(day, time())
    minute, second = found["minute"] or found["minute2"], found["second"] or found["second2"]
    moment = time(_hour(int(found["hour"]), found["half"]), int(minute), int(second or 0))
    return datetime.combine(day, moment, _zone(found["zone"]))


def _hour(hour: int, half: str | None) -> int:
    return hour if not half else hour % 12 + 12 * half.lower().startswith("p")


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def order_of(moment: datetime | None) -> float:
    """A number by which times are ordered; one without a zone counts as UTC, none at all is the earliest."""
    if moment is None:
        return float("-inf")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def time_words(moment: datetime | None) -> dict[str, str]:
    """A time as a learner's dict has it; empty if there is none."""
    return {"time": moment.isoformat()} if moment else {}
