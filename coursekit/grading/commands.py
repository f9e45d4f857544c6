"""The commands `grade` and `regrade`."""

import argparse
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from coursekit.core.course import Course, GradingRules
from coursekit.core.terminal import say
from coursekit.files import write_file
from coursekit.grading import late
from coursekit.grading.batch import grade_all
from coursekit.grading.comparison import differences, with_questions_of
from coursekit.grading.evaluate import grade_submission
from coursekit.grading.intake.sources import Source, Survey, survey
from coursekit.grading.intake.text import listed
from coursekit.grading.record import Record, read_record, read_sound_records, write_record
from coursekit.grading.reports.canvas import check_canvas
from coursekit.grading.reports.class_reports import write_reports
from coursekit.grading.reports.marks import read_marks
from coursekit.grading.reports.moodle import read_worksheet
from coursekit.grading.reports.pages import counted
from coursekit.grading.reports.phrases import phrases
from coursekit.grading.running import sandbox
from coursekit.grading.settings import NUM_SEEDS, BatchError, Settings, new_seed
from coursekit.learner import submission
from coursekit.learner.arguments import Arguments
from coursekit.questions import asked_notebooks, course, find, use_course

_ASSIGNMENT = re.compile(r"assignment[ _-]?(\d+)", re.I)

# ---- grade


def grade(options: Sequence[str] = ()) -> int:
    """Grade all submissions of a folder; 0 if every one has a grade."""
    try:
        rules = _rules_of(options)
        args = _parser(rules).parse_args(options)
        args.roster = args.roster or _worksheet_as_list(args)
        found = _without_tables(_survey(args.submissions, args.pattern, args.roster), args)
        settings = _settings(args, found, rules.grading)
        _require_same_assignment(args.out, settings.assignment)
        _check_tables(args, settings.assignment)
        phrases()  # read before anything is graded
        dates = late.read_dates(rules, settings.assignment, args.late_days_used)
        if args.scheduler is None and not _is_isolated(settings):
            return 2
        _make_folder(args.out)
    except (BatchError, ValueError) as error:
        say(error)
        return 2
    except KeyboardInterrupt:
        say("Stopped before anything was graded.")
        return 130
    say(*_what_is_there(found), *read_marks(args.out).problems)
    paths = {"submissions": args.submissions, "roster": args.roster, "course": args.course}
    known = {name: str(path.resolve()) for name, path in paths.items() if path}
    used = {"late_days_used": [str(path.resolve()) for path in args.late_days_used]} if args.late_days_used else {}
    about = {"assignment": settings.assignment, "seed": settings.seed, "pattern": args.pattern}
    _remember(args.out, **known, **used, **about)
    try:
        records = _records(args, found.sources, settings, dates)
        notes = write_reports(
            records, args.out, args.canvas, args.column, found.others, found=found, moodle=args.moodle, dates=dates
        )
        say(*(note for note in notes if note not in found.notes))  # which were said at the start
    except BatchError as error:
        say(error)
        return 2
    except KeyboardInterrupt:
        say(f"Stopped. The finished records are in {args.out}; run the same command to continue.")
        return 130
    return _summary(records, args.out)


def _is_isolated(settings: Settings) -> bool:
    """Whether strangers' code may run here; says why not, or what an instructor should know."""
    refusal = sandbox.refusal(settings.isolation, settings.trust_submissions)
    say(*filter(None, [refusal or sandbox.warning(settings.isolation)]))
    return not refusal


def _records(
    args: argparse.Namespace, sources: list[Source], settings: Settings, dates: late.Dates | None
) -> list[Record]:
    """The records of all submissions, made here or on a cluster."""
    if args.scheduler is None:
        return grade_all(sources, settings, args.out, args.processes, dates=dates)
    from coursekit.grading.cluster.team import open_cluster  # which few need

    with open_cluster(args.scheduler, settings) as cluster:
        return grade_all(sources, cluster.settings, args.out, cluster=cluster, dates=dates)


def _rules_of(options: Sequence[str]) -> Course:
    """The course's rules: of the file that the options name, or else those that are in force here."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--course")
    chosen = parser.parse_known_args(options)[0].course
    return use_course(chosen) if chosen else course()


def _require_same_assignment(out: Path, assignment: str) -> None:
    """Raise if a folder has the grades of another assignment, which those of this one would replace."""
    there = _remembered(out).get("assignment")
    if isinstance(there, str) and there != assignment:
        raise BatchError(f"{out} has the grades of {there}: choose another folder for those of {assignment}.")


def _make_folder(out: Path) -> None:
    """Make the folder for the grades; raise if that cannot be: before anything is graded, not after."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BatchError(f"{out} cannot be the folder for the grades: {error.strerror}.") from error


def _check_tables(args: argparse.Namespace, assignment: str) -> None:
    """Raise if a gradebook cannot be filled in: before anything is graded, not after."""
    if args.canvas:
        check_canvas(args.canvas, args.column, assignment)
    if args.moodle:
        read_worksheet(args.moodle, args.column)


def _without_tables(found: Survey, args: argparse.Namespace) -> Survey:
    """What was found, without the tables that were given as options, which may lie beside the submissions."""
    tables = (args.roster, args.canvas, args.moodle, args.course, *args.late_days_used)
    given = {path.resolve() for path in tables if path}
    folders = {found.folder, found.handed.path} if found.handed else {found.folder}
    names = {name for name in found.others if given & {(folder / name).resolve() for folder in folders}}
    return found._replace(others={name: why for name, why in found.others.items() if name not in names})


def _what_is_there(found: Survey) -> list[str]:
    """What was found, in sentences."""
    what = f"{found.platform}: " if found.platform else ""
    there = f"{what}{counted(len(found.sources), 'submission')} in {found.folder}."
    return [there, *[found.example] * bool(found.example), *found.notes]


def _parser(rules: Course) -> argparse.ArgumentParser:
    parser = Arguments(
        prog="python -m coursekit grade",
        description="Grade all submissions of a folder and write the reports. A batch that was stopped continues where "
        "it was; what is graded already is graded again only if its files, the settings or the code have changed.",
    )
    parser.add_argument(
        "submissions", type=Path, help="folder or zip of submissions, as you downloaded it from any platform"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for records, reports, exports")
    parser.add_argument(
        "--assignment", choices=submission.assignments(), help="the one that the file names mention by default"
    )
    parser.add_argument(
        "--seed", type=_seed, help="seed of the fresh inputs; by default one is drawn for the class and kept in --out"
    )
    parser.add_argument(
        "--notebooks", choices=["run", "skip"], default=rules.grading.notebooks, help="skip: grade functions only"
    )
    parser.add_argument(
        "--follow-through",
        type=_share,
        default=rules.grading.follow_through,
        metavar="SHARE",
        help="share of the points of a question that is right only with the course's answers to earlier questions "
        "(default 1.0)",
    )
    parser.add_argument(
        "--edges",
        choices=["ignore", "count"],
        default=rules.grading.edges,
        help="count: code that fails a case that its question does not ask for is wrong (default ignore)",
    )
    parser.add_argument(
        "--isolation", choices=["bubblewrap", "limits"], default="", help="the strongest that works here by default"
    )
    _add_trust(parser)
    parser.add_argument(
        "--processes", type=_count, default=os.cpu_count(), help="submissions graded in parallel (default: all cores)"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="Dask cluster to grade on, such as tcp://host:8786")
    _add_course(parser)
    parser.add_argument(
        "--late-days-used",
        type=Path,
        action="append",
        default=[],
        metavar="CSV",
        help="late days that learners have used for earlier assignments: the folder that `grade` wrote for one, or a "
        "list; may be repeated",
    )
    _add_class(parser)
    parser.add_argument("--canvas", type=Path, metavar="CSV", help="Canvas gradebook; a copy is filled in")
    parser.add_argument("--moodle", type=Path, metavar="CSV", help="Moodle grading worksheet; a copy is filled in")
    parser.add_argument(
        "--column",
        metavar="TITLE",
        help="column to fill in; by default the one that names the assignment (Canvas), or Grade (Moodle)",
    )
    return parser


def _add_course(parser: argparse.ArgumentParser) -> None:
    about = "the course's rules (default: course.toml in the course's folder); options of this command win over them"
    parser.add_argument("--course", type=Path, metavar="FILE", help=about)


def _add_class(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--roster",
        type=Path,
        metavar="CSV",
        help="list of the class with identifiers, names or email addresses; names who handed in nothing",
    )
    parser.add_argument(
        "--pattern",
        default="",
        metavar="REGEX",
        help="regular expression for the names of the submissions, with the groups learner and, if need be, name, "
        "time, attempt, late; such as '(?P<learner>[^_]+)_.*'",
    )


def _add_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust-submissions",
        action="store_true",
        help="grade even where no isolation keeps a submission from changing its own grade",
    )


def _seed(text: str) -> int:
    if not (text.isdecimal() and int(text) < NUM_SEEDS):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {NUM_SEEDS - 1}, got {text}")
    return int(text)


def _share(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text}")


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text}")
    return int(text)


def _worksheet_as_list(args: argparse.Namespace) -> Path | None:
    """Moodle's worksheet, if there is one: it is a list of the class, with the times that Moodle tells nowhere else."""
    if args.moodle:
        read_worksheet(args.moodle, args.column)
    return args.moodle


def _survey(folder: Path, pattern: str, roster: Path | None) -> Survey:
    found = survey(folder, pattern, roster)
    if not found.sources:
        there = f" There is {listed(found.others)}." if found.others else ""
        raise BatchError(f"There are no submissions in {folder}: it should hold zips or folders.{there}")
    return found


def _settings(args: argparse.Namespace, found: Survey, rules: GradingRules) -> Settings:
    return Settings(
        assignment=args.assignment or _assignment_of(found),
        seed=_seed_of_class(args.out) if args.seed is None else args.seed,
        edges=args.edges,
        notebooks=args.notebooks,
        follow_through_share=args.follow_through,
        isolation=args.isolation,
        trust_submissions=args.trust_submissions,
        partial_credit=rules.partial_credit,
        question_time=rules.question_time,
        cell_seconds=rules.cell_seconds,
        notebook_seconds=rules.notebook_seconds,
        memory_mb=rules.memory_mb,
    )


def _seed_of_class(out: Path) -> int:
    """The seed that the class was graded with before; a new one, which nobody can guess, for a new class."""
    seed = _remembered(out).get("seed")
    return seed if type(seed) is int and 0 <= seed < NUM_SEEDS else new_seed()


def _assignment_of(found: Survey) -> str:
    """The assignment that the file names mention."""
    names = [f"{source.path.name} {source.inside} {source.handed} {source.parts}" for source in found.sources]
    numbers = {number for name in [*names, found.folder.name] for number in _ASSIGNMENT.findall(name)}
    mentioned = sorted({f"assignment{number}" for number in numbers} & set(submission.assignments()))
    if len(mentioned) != 1:
        told = " and ".join(mentioned) if mentioned else "no assignment"
        raise BatchError(f"The file names mention {told}: choose one, such as --assignment assignment1.")
    return mentioned[0]


def _summary(records: list[Record], out: Path) -> int:
    states = Counter(str(record.state) for record in records)
    by_state = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    say(f"{counted(len(records), 'submission')}: {by_state}")
    say(f"Class page: {out / 'class.html'}, grades: {out / 'grades.csv'}")
    unfinished = [record.submission.name for record in records if not record.is_settled]
    if unfinished:
        say(f"Grading itself failed for {', '.join(unfinished)}: run the same command to try again.")
    return 1 if unfinished else 0


# ---- regrade


def regrade(options: Sequence[str] = ()) -> int:
    """Grade again from records; 0 if the results are those in the records, or are kept."""
    args = _regrade_parser().parse_args(options)
    out = args.record if args.record.is_dir() else args.record.parent.parent
    try:
        _use_course_again(args, out)
        records, problems = read_sound_records(out) if args.record.is_dir() else ([read_record(args.record)], [])
        _require_asked(args.question, records)
        found = survey_again(args.submissions, out)
        sources = _sources_of(records, found)
        dates = _dates_again(records, out)
    except (BatchError, ValueError) as error:
        say(error)
        return 2
    say(*problems)
    refusals = {sandbox.refusal(record.settings.isolation, args.trust_submissions) for record in records} - {""}
    if refusals:
        say(*refusals)
        return 2
    differing = 0
    for record in tqdm(records, unit="submission", dynamic_ncols=True):
        again = grade_submission(sources[record.submission.id], _settings_of(record, args))
        differs = _tell_differences(record, again, bool(args.question))
        if args.question and differs:
            write_record(with_questions_of(record, again), out)
        differing += differs
    if args.question and differing:
        records, problems = read_sound_records(out)
        write_reports(records, out, others=found.others, problems=problems, found=found, dates=dates)
    say(f"{len(records)} graded again, {differing} with differences")
    return 1 if differing and not args.question else 0


def _regrade_parser() -> argparse.ArgumentParser:
    parser = Arguments(
        prog="python -m coursekit regrade",
        description="Grade again with the seed and settings of the record, and list the differences. "
        "Nothing is written without --question.",
    )
    parser.add_argument("record", type=Path, help="a record, or the folder that `grade` wrote")
    parser.add_argument(
        "--question",
        action="append",
        default=[],
        metavar="ID",
        help="grade only this question, and keep the new result; may be repeated",
    )
    parser.add_argument("--submissions", type=Path, help="folder of submissions, if it was moved")
    _add_course(parser)
    _add_trust(parser)
    return parser


def _require_asked(questions: Sequence[str], records: list[Record]) -> None:
    """Raise if a question is not of the assignment that was graded, so that nothing would be graded again."""
    graded = {record.assignment for record in records}
    for question in map(find, questions):
        assignment = asked_notebooks()[question.notebook]
        if graded and assignment not in graded:
            raise BatchError(f"{question.id} is asked in {assignment}, and these are grades of {listed(graded)}.")


def _sources_of(records: list[Record], found: Survey) -> dict[str, Source]:
    """The submissions by id; all that have a record must be there."""
    sources = {source.id: source for source in found.sources}
    lost = [record.submission.name for record in records if record.submission.id not in sources]
    if lost:
        raise BatchError(f"These submissions are no longer in {found.folder}: {', '.join(lost)}.")
    return sources


def _settings_of(record: Record, args: argparse.Namespace) -> Settings:
    settings = record.settings
    return Settings(
        assignment=record.assignment,
        seed=settings.seed,
        edges=settings.edges,
        follow_through_share=settings.follow_through_share,
        notebooks=settings.notebooks,
        isolation=settings.isolation,
        questions=tuple(args.question),
        trust_submissions=args.trust_submissions,
        partial_credit=settings.partial_credit,
        question_time=settings.question_time,
        cell_seconds=settings.cell_seconds,
        notebook_seconds=settings.notebook_seconds,
        memory_mb=settings.memory_mb,
    )


def _tell_differences(record: Record, again: Record, only_questions: bool) -> bool:
    """Print what has changed; whether anything has."""
    found = list(differences(record, again, only_questions))
    for difference in found:
        with tqdm.external_write_mode():
            say(f"{record.submission.name}: {difference}")
    return bool(found)


# ---- what is remembered of a class


def _use_course_again(args: argparse.Namespace, out: Path) -> None:
    """Take the course's rules that the class was graded with, or those of the option."""
    known = _remembered(out).get("course")
    if args.course or isinstance(known, str):
        use_course(args.course or known)


def _dates_again(records: list[Record], out: Path) -> late.Dates | None:
    """The dates by which the class was graded, as they are now."""
    used = _remembered(out).get("late_days_used", [])
    tables = [Path(str(path)) for path in used] if isinstance(used, list) else []
    return late.read_dates(course(), records[0].assignment, tables) if records else None


def _remember(out: Path, **about: str | int | list[str]) -> None:
    write_file(out / "batch.json", json.dumps(about, indent=1) + "\n")


def _remembered(out: Path) -> dict:
    """What was remembered; nothing if that cannot be read."""
    try:
        about = json.loads(Path(out, "batch.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def survey_again(moved: Path | None, out: Path) -> Survey:
    """The submissions, found as they were when they were graded, or in the folder to which they were moved."""
    known = _remembered(out)
    pattern, roster = known.get("pattern"), known.get("roster")
    is_there = isinstance(roster, str) and Path(roster).is_file()
    folder = moved or _submissions_of(out)
    return survey(folder, pattern if isinstance(pattern, str) else "", Path(str(roster)) if is_there else None)


def _submissions_of(out: Path) -> Path:
    """The folder of the submissions that were graded."""
    folder = _remembered(out).get("submissions")
    if not isinstance(folder, str):
        raise BatchError(f"{out} does not say where the submissions are: add --submissions FOLDER.")
    return Path(folder)
