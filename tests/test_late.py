"""Lateness: counted by the clock of the course, from what the platform says, and never guessed."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from records import make, with_submission

from coursekit.core.course import Course, LateRules
from coursekit.grading import late
from coursekit.grading.intake.tables import TableError
from coursekit.grading.late import Dates, costs, days_late, free_days, lateness, with_lateness
from coursekit.grading.record import Record
from coursekit.grading.reports.class_page import write_class_page
from coursekit.grading.reports.class_reports import write_reports
from coursekit.grading.reports.exports import grades_csv
from coursekit.grading.reports.marks import Marks
from coursekit.grading.reports.points import grade_of
from coursekit.grading.reports.words import late_sentences

BERLIN = ZoneInfo("Europe/Berlin")
DUE = dt.datetime(2026, 10, 12, 23, 59, tzinfo=BERLIN)
RULES = LateRules(days=2, penalty=0.1, penalty_days=3, then="not accepted", grace_minutes=15)


def berlin(*numbers):
    return dt.datetime(*numbers, tzinfo=BERLIN)


@pytest.mark.parametrize(
    "due, handed_in, grace, days, why",
    [
        (DUE, DUE, 0, 0, "exactly at the deadline"),
        (DUE, DUE + dt.timedelta(seconds=1), 0, 1, "a day that has begun"),
        (DUE, DUE + dt.timedelta(minutes=15), 15, 0, "the last moment of grace"),
        (DUE, DUE + dt.timedelta(minutes=15, seconds=1), 15, 1, "after grace"),
        (DUE, DUE + dt.timedelta(days=1, minutes=10), 15, 1, "grace ends each day"),
        (DUE, DUE - dt.timedelta(days=9), 0, 0, "early"),
        (DUE, dt.datetime(2026, 10, 12, 21, 59, tzinfo=dt.UTC), 0, 0, "the same moment in another zone"),
        (DUE, dt.datetime(2026, 10, 12, 22, 0, tzinfo=dt.UTC), 0, 1, "a minute later in another zone"),
        (berlin(2026, 10, 24, 23, 59), berlin(2026, 10, 25, 23, 59), 0, 1, "a day of 25 hours in autumn"),
        (berlin(2026, 10, 24, 23, 59), berlin(2026, 10, 26, 0, 0), 0, 2, "and a minute"),
        (berlin(2026, 3, 28, 12, 0), berlin(2026, 3, 29, 12, 0), 0, 1, "a day of 23 hours in spring"),
        (berlin(2026, 3, 28, 12, 0), berlin(2026, 3, 29, 12, 1), 0, 2, "and a minute"),
        (
            berlin(2026, 10, 25, 2, 30),
            berlin(2026, 10, 25, 2, 30, 0, 0).replace(fold=1),
            0,
            1,
            "the hour that comes twice",
        ),
    ],
)
def test_days_are_counted_by_the_clock_of_the_course(due, handed_in, grace, days, why):
    """A day that has begun counts as a day, from the due time of one day to that of the next."""
    assert days_late(due, handed_in, dt.timedelta(minutes=grace)) == days, why


@pytest.mark.parametrize(
    "rules, days, free, expected",
    [
        (RULES, 0, 2, (0, 1.0, False)),
        (RULES, 2, 2, (2, 1.0, False)),
        (RULES, 3, 2, (2, 0.9, False)),
        (RULES, 5, 2, (2, 0.7, False)),
        (RULES, 6, 2, (0, 0.0, True)),
        (RULES, 3, 0, (0, 0.7, False)),
        (replace(RULES, then="zero"), 6, 2, (0, 0.0, False)),
        (replace(RULES, penalty=0.5, penalty_days=None), 6, 2, (2, 0.0, False)),
        (replace(RULES, penalty=None, penalty_days=0), 3, 2, (0, 0.0, True)),
        (LateRules(), 9, 0, (0, 1.0, False)),
    ],
)
def test_what_days_cost(rules, days, free, expected):
    """(late days used, share kept, not accepted): free days first, then the penalty, then the end."""
    assert costs(rules, days, free) == expected


@pytest.mark.parametrize(
    "days, each, used, free",
    [(4, None, 0, 4), (4, None, 5, 0), (4, 2, 1, 2), (4, 2, 3, 1), (0, 2, 9, 2), (0, None, 0, 0)],
)
def test_days_that_are_left(days, each, used, free):
    """Those of the whole course less those used before, and no more than each assignment allows."""
    assert free_days(LateRules(days=days, days_each=each), used) == free


# ---- submissions


def handed_in(**learner) -> Record:
    return with_submission(make(1), id="ada", name="Ada Doe", learner={"name": "Ada Doe", "user": "17"} | learner)


def dates(tmp_path, extensions="", **changes) -> Dates:
    """The dates of a course, with a list of extensions."""
    rules = RULES
    if extensions:
        (tmp_path / "extensions.csv").write_text(extensions)
        rules = replace(RULES, extensions="extensions.csv")
    course = Course(str(tmp_path / "course.toml"), due=(("assignment1", DUE),), late=replace(rules, **changes))
    return late.read_dates(replace(course, about=replace(course.about, time_zone="Europe/Berlin")), "assignment1")


@pytest.mark.parametrize(
    "learner, extensions, days, kept, told",
    [
        ({"time": "2026-10-12T23:59:00"}, "", 0, 1, "Handed in in time (due 12 October 2026, 23:59 (UTC+02:00))."),
        ({"time": "2026-10-13T00:10:00+02:00"}, "", 0, 1, "Handed in within the minutes of grace (due"),
        ({"time": "2026-10-14T00:59:00Z"}, "", 2, 1, "1 day 3 h late (due 12 October 2026, 23:59 (UTC+02:00)), which"),
        ({"time": "2026-10-15T00:59:00Z"}, "", 3, 0.9, "2 of 2 late days used."),
        ({"time": "2026-10-15T00:59:00Z"}, "user id,days\n17,1\n", 2, 1, "as extended), which counts as 2 days"),
        ({"time": "2026-10-15T00:59:00Z"}, "name,days\n'Doe, Ada',9\n".replace("'", '"'), 0, 1, "as extended)."),
        ({"time": "2026-10-15T00:59:00Z"}, "user id,days\n18,9\n", 3, 0.9, "late days used."),
        ({"time": "2026-10-15T00:59:00Z"}, "user id,assignment,days\n17,assignment2,9\n", 3, 0.9, "late days used."),
        ({"time": "2026-10-15T00:59:00Z"}, "id;until\n17;2026-10-15 12:00\n", 0, 1, "due 15 October 2026, 12:00"),
        ({"time": "2026-10-15T00:59:00Z"}, "id,until\n17,2026-10-01 12:00\n", 3, 0.9, "due 12 October"),
        ({"late": True}, "id,handed in\n17,2026-10-13 12:00\n", 1, 1, "12 h 1 min late"),
        ({"time": "2026-10-19T00:59:00Z"}, "", 7, 0, "not accepted"),
        # the identifier that the list of the class gives, where the platform has one of its own
        ({"time": "2026-10-15T00:59:00Z", "id": "s9"}, "identifier,days\ns9,9\n", 0, 1, "as extended)."),
        ({"late": True}, "", 0, 1, "The platform calls it late, but does not say when it came: nothing was taken off"),
        ({"late": False}, "", 0, 1, "does not call it late, nor say when it came: it counts as in time"),
        ({}, "", 0, 1, "Nothing says when it was handed in"),
        ({"time": "2026-10-12T00:00:00"}, "", 0, 1, "Handed in in time"),
        ({"time": "2026-10-13T00:00:00"}, "", 0, 1, "Only the day is known, 2026-10-13"),
    ],
)
def test_lateness_comes_from_what_is_known(tmp_path, learner, extensions, days, kept, told):
    """The time of the platform and the learner's extension decide; what is not known costs nothing, and is said."""
    record = with_lateness(handed_in(**learner), dates(tmp_path, extensions))
    assert (record.late.days, record.late.kept) == (days, kept)
    assert told in late_sentences(record, grade_of(record, Marks({})))
    assert bool(record.late.doubt) == (not record.late.handed_in or "Only the day" in told)


def test_what_a_teacher_can_do_is_not_said_to_the_learner(tmp_path):
    """The class page names the list of extensions, which learners neither have nor can change."""
    record = with_lateness(handed_in(), dates(tmp_path))
    write_class_page([record], tmp_path)
    assert "say when it came in the list of extensions" in (tmp_path / "class.html").read_text()
    assert "extensions" not in late_sentences(record, grade_of(record, Marks({})))


def test_an_extension_that_is_nobodys_is_told(tmp_path):
    """Who is written in another way gets no more time, so a person has to look; who is found is not named."""
    rules = dates(tmp_path, "name,username,days\n,17,1\nAdda Do,,2\nBen,,1\n")
    [told] = late.without_submission([handed_in()], rules)
    assert told.startswith("extensions.csv has learners without a submission: Adda Do, Ben.")
    notes = write_reports([handed_in()], tmp_path, dates=rules)
    assert told in notes and "Adda Do" in (tmp_path / "class.html").read_text()
    assert not [*late.without_submission([handed_in()], dates(tmp_path, "name,days\nAda Doe,1\n"))]


def test_a_time_without_a_zone_needs_the_courses(tmp_path):
    """Without one, nobody can say whether it is late."""
    found = lateness(handed_in(time="2026-10-19T00:59:00"), Dates(DUE, RULES))
    assert "no time zone" in found.doubt and (found.days, found.kept) == (0, 1.0)


def test_points_are_those_of_the_record_less_the_penalty(tmp_path):
    """The record and its file stay as they are, without lateness; a table says how its points came about."""
    record = handed_in(time="2026-10-16T00:59:00Z")
    after = with_lateness(record, dates(tmp_path))
    grade = grade_of(after, Marks({}))
    assert grade.in_time == record.score and grade.points == pytest.approx(0.8 * record.score)
    assert after.score == record.score and after.to_json() == record.to_json()
    assert f"less 20 %: {round(0.8 * record.score, 2):g}." in grades_csv([after], Marks({}))
    assert "lateness" not in grades_csv([record], Marks({}))


def test_days_used_are_carried_over(tmp_path):
    """The list that is written for one assignment is read for the next, by whatever identifies a learner."""
    before = with_lateness(handed_in(time="2026-10-13T12:00:00Z"), dates(tmp_path))
    late.write_used([before], tmp_path)
    course = Course("", due=(("assignment1", DUE), ("assignment2", DUE)), late=RULES)
    after = late.read_dates(course, "assignment2", [tmp_path])
    assert lateness(handed_in(time="2026-10-14T12:00:00Z"), after).free == 1 and not after.notes
    assert (
        lateness(
            replace(handed_in(), submission=replace(handed_in().submission, learner={"user": "18"}, name="B")), after
        ).free
        == 2
    )
    assert "Late days used for assignment1 are not known" in late.read_dates(course, "assignment2").notes[0]


def test_days_used_are_found_by_the_identifier_of_the_list_of_the_class(tmp_path):
    """Two of one name, whom the platform knows by numbers and the list by identifiers, have days of their own."""
    first = handed_in(user="17", id="s1", time="2026-10-13T12:00:00Z")
    second = handed_in(user="18", id="s2", time="2026-10-14T12:00:00Z")
    late.write_used([with_lateness(record, dates(tmp_path)) for record in (first, second)], tmp_path)
    course = Course("", due=(("assignment1", DUE), ("assignment2", DUE)), late=RULES)
    after = late.read_dates(course, "assignment2", [tmp_path])
    assert [lateness(record, after).free for record in (first, second)] == [1, 0]


@pytest.mark.parametrize(
    "text, told",
    [
        ("name\nAda\n", "line 1: no column is called days, until or handed in"),
        ("who,days\nAda,1\n", "line 1: no column is called identifier, username, name or email"),
        ("name,days\nAda,\n", "line 2: neither days, nor until, nor handed in is filled in"),
        ("name,days\n\nAda,soon\n", "line 3: days should be a whole number from 0; it is 'soon'"),
        ("name,days\nAda,-1\n", "line 2: days should be a whole number from 0; it is '-1'"),
        ("name,until\nAda,2026-10-13\n", "line 2: until should be a day and a time"),
        ("name,days,until\nAda,1,2026-10-13 12:00\n", "line 2: both days and until are filled in"),
        ("name,until\nAda,9999-12-31 23:59\n", "line 2: the year of until should be from 1970 to 8999"),
        ("name,assignment,days\nAda,hw1,1\n", "line 2: there is no assignment 'hw1'; there are assignment1"),
    ],
)
def test_a_list_of_extensions_that_cannot_be_used_is_told_with_its_line(tmp_path, text, told):
    """A wrong row is never passed over: somebody counts on it."""
    with pytest.raises(TableError, match=f"extensions.csv, {told}"):
        dates(tmp_path, text)


def test_no_date_no_lateness(tmp_path):
    """Without a due date, records have no lateness, and pages no word of it."""
    assert late.read_dates(Course(), "assignment1") is None
    record = with_lateness(handed_in(time="2030-01-01T00:00:00"), None)
    assert record.late is None and late_sentences(record, grade_of(record, Marks({}))) == ""
    assert not Path(tmp_path, late.FILE).exists()
