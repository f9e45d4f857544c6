"""The pages that are made of records: one for each learner, with a plain-text twin, and one for the class.

Pure functions of the records and the marks for written answers. A learner's page never shows an input of a hidden
check: all it knows is the verdict's text.
"""

import re
import statistics
from collections import Counter
from pathlib import Path
from textwrap import dedent, indent
from textwrap import fill as wrap

from coursekit.grading.reports import pages
from coursekit.grading.reports.pages import counted, duration, number, of
from coursekit.grading.reports.written import marked_answers, read_marks, to_html, totals, unknown_marks
from coursekit.questions import all_questions

ENOUGH = 20  # submissions from which on the discrimination of a question says something
BINS = 10
NOT_JUDGED = ("not gradable", "infrastructure error")
SIGNS = {"ok": "✓", "wrong": "✗", "not attempted": "○", "crashed": "!", "timed out": "!"}
_HEADINGS = {"ok": "What was checked", "not gradable": "Why", "infrastructure error": "Why"}
ISOLATION = {
    "bubblewrap": "bubblewrap: no network, read-only system, own process tree, and limits on time, memory and output",
    "limits": "limits on time, memory, processes and output; no wall around the file system and the network",
}
# Remarks that may be about an attempt to get round the grading, not about a repair: a person should look.
TAMPERING = re.compile(
    r"\b(tamper\w*|nonce|forged?|link|conftest|pytest\.ini|(site|user)customize|numpy\.py)\b|\bcheck_\w+.*\bchanged",
    re.I,
)
_MISTAKE = re.compile(r"^  likely mistake: .*\n?(    .*\n?)*", re.MULTILINE)


# ---- what a record says, in words


def passed(question):
    """Whether the answer is right, be it with earlier answers replaced by ours."""
    through = question["follow_through"]
    return question["status"] == "ok" or bool(through and through["status"] == "ok")


def is_final(record):
    """Whether nothing on our side kept a question from being judged."""
    states = {question["status"] for question in record["questions"]}
    return record["state"] == "graded" and "infrastructure error" not in states


def left_out(question, record):
    """Whether the instructor chose not to have this question graded."""
    declared = all_questions().get(question["id"])
    skipped = record["settings"]["notebooks"] == "skip" and declared is not None and declared.in_notebook
    return skipped and question["status"] == "not gradable"


def status_words(question):
    """The status as a learner reads it."""
    through = question["follow_through"]
    if through and through["status"] == "ok":
        return f"{question['status']}; ok with follow-through"
    return question["status"]


def follow_through_sentence(question):
    """What grading again with our answers to earlier questions has shown; '' if that was not needed."""
    through = question["follow_through"]
    if not through:
        return ""
    several = len(through["replaced"]) > 1
    replaced = (
        f"This question builds on {_listed(through['replaced'])}, which {'are' if several else 'is'} not right yet."
    )
    ours = "our answers in their place" if several else "our answer in its place"
    if through["status"] == "ok":
        return f"{replaced} With {ours} yours is ok, so it has {through['share']:.0%} of its points."
    return (
        f"{replaced} It was graded again with {ours} and is still {through['status']}: there is something to put right "
        "here too."
    )


def _listed(names):
    """Names as a sentence lists them: "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def next_steps(question, record):
    """What to do about a question that has not all its points, a sentence each."""
    if question["status"] == "ok":
        return []
    if left_out(question, record):
        return ["Nothing for you to do: notebooks were left out of this grading."]
    if question["status"] == "infrastructure error":
        return ["Nothing for you to do: the grading itself failed here. Your instructor sees this and grades it again."]
    steps = _first_put_right(question, record)
    if passed(question):
        return steps
    return [*steps, *_by_status(question)]


def _first_put_right(question, record):
    declared = all_questions().get(question["id"])
    base = declared.builds_on if declared else ()
    open_ones = [f"{q['id']} ({q['status']})" for q in record["questions"] if q["id"] in base and not passed(q)]
    return [f"First put right {_listed(open_ones)}: this question builds on that."] if open_ones else []


def _by_status(question):
    declared = all_questions().get(question["id"])
    place = f"{question['notebook']}.ipynb"
    if question["status"] == "not gradable":
        return ["Put right what is said above and hand in again: handing in tells what is missing."]
    if declared is None or declared.in_notebook:
        run = f"Run the cell check_{question['id']} in {place} after the cells before it."
    else:
        files = " and ".join(dict.fromkeys(t.split(":")[0].replace(".", "/") + ".py" for t in declared.implements))
        run = f'Save {files}, then run check("{question["id"]}") in {place}; it tests the file as saved.'
    if question["status"] == "not attempted":
        return [f"Nothing was handed in for it. The notebook explains what to write. {run}"]
    if question["status"] == "timed out":
        limit = f" of {declared.seconds:g} s" if declared else ""
        return [
            f"It ran into its time limit{limit}: look for a loop without an end, or one to write as array code.",
            run,
        ]
    if question["status"] == "crashed":
        return [run, "If it runs for you, Restart Kernel and Run All Cells: a name may exist in your session alone."]
    return [
        run,
        "If the check says ok, the code is right for its example and not for other inputs: is a size, a number or a "
        "label of the example typed in?",
        "Help, folded and titled by what you see, stands below most questions in the notebook.",
    ]


def look_first(record):
    """The first question not right whose foundations are; None if no points are to be had any more."""
    ours = [q["status"] == "infrastructure error" or left_out(q, record) for q in record["questions"]]
    missed = [q for q, ok in zip(record["questions"], ours, strict=True) if q["points"] and not ok and not passed(q)]
    return next((q for q in missed if not _first_put_right(q, record)), missed[0] if missed else None)


def first_line(record, points, possible):
    """The score, and what to look at first, in one or two sentences."""
    if record["state"] != "graded":
        return f"This submission was not graded: {record['reason']}"
    score = f"{of(points, possible)}."
    if not is_final(record):
        score += " This is not final: the grading failed for some questions, and they will be graded again."
    if any(left_out(q, record) for q in record["questions"]):
        score += " Notebooks were left out of this grading, and the questions that are answered in them have no points."
    first = look_first(record)
    if first:
        return f"{score} Look first at {first['id']}: {first['title']}."
    if not is_final(record):
        return score
    ours = _ours_in_place(record)
    if not ours:
        return f"{score} Every question that gives points is right."
    return (
        f"{score} Some questions are right only with our {_listed(ours)} in the place of yours: put that right first."
    )


def _ours_in_place(record):
    """Ids of the questions at the bottom of all follow-through: what is wrong by itself."""
    through = {
        q["id"]: q["follow_through"]["replaced"] for q in record["questions"] if passed(q) and q["follow_through"]
    }
    return [id_ for id_ in dict.fromkeys(id_ for ids in through.values() for id_ in ids) if id_ not in through]


# ---- the learner's page


def write_learner(record, out, marks=None):
    """Write `out`/reports/<id>.html and its plain-text twin; the two paths."""
    record = pages.clean(record)
    view = _learner_view(record, read_marks(out) if marks is None else marks)
    stem = Path(out, "reports", pages.file_name(record["submission"]["id"]))
    page = pages.write(f"{stem}.html", pages.fill("learner.html", **view))
    return page, pages.write(f"{stem}.txt", _squeeze(pages.fill("learner.txt", **view, wrap=_wrap, indent=indent)))


def _learner_view(record, marks):
    written_points, written_possible, waiting = totals(record, marks)
    points, possible = record["score"] + written_points, record["possible"] + written_possible
    return {
        "title": f"{record['assignment']}: {record['submission']['id']}",
        "record": record,
        "first_line": first_line(record, points, possible),
        "first": look_first(record) if record["state"] == "graded" else None,
        "notebooks": _by_notebook([_question_view(q, record) for q in record["questions"]]),
        "written": [answer | {"html": to_html(answer["text"])} for answer in marked_answers(record, marks)],
        "waiting": waiting,
        "remarks": record["remarks"],
        "receipt": _receipt_words(record),
        "runs": [_run_view(run) for run in record["notebooks"] if run["state"] != "not run" or run["cells"]],
        "evidence": _evidence(record),
    }


def _question_view(question, record):
    return question | {
        "words": status_words(question),
        "sign": SIGNS.get("ok" if passed(question) else question["status"], "?"),
        "passed": passed(question),
        "heading": _HEADINGS.get(question["status"], "What came"),
        "mistake": "" if passed(question) else question["mistake"],  # with an earlier answer of ours it is none
        "gap": _gap(question),
        "through": follow_through_sentence(question),
        "steps": next_steps(question, record),
        "seconds": record["timings"]["questions"].get(question["id"]),
    }


def _gap(question):
    """The verdict's text without what the page says elsewhere: the id, the status, the likely mistake."""
    text = _MISTAKE.sub("", question["text"]) if question["mistake"] else question["text"]
    names = (question["id"], f"{question['id']}: {question['status']}", f"{question['id']}: ok, ")
    lines = [line.rstrip() for line in text.splitlines()]
    if lines and lines[0] in names[:2]:
        lines = lines[1:]
    if lines and question["status"] == "ok" and lines[-1].startswith(names[2]):
        lines = lines[:-1]
    return dedent("\n".join(lines)).strip("\n")


def _by_notebook(questions):
    groups = {}
    for question in questions:
        groups.setdefault(question["notebook"], []).append(question)
    return [
        {
            "name": name,
            "questions": group,
            "earned": sum(q["earned"] for q in group),
            "points": sum(q["points"] for q in group),
        }
        for name, group in groups.items()
    ]


def _receipt_words(record):
    receipt = record["submission"]["receipt"]
    if receipt is None:
        return "No receipt was in it."
    if receipt["verified"]:
        return "The receipt fits what was handed in."
    return f"The receipt does not fit what was handed in: {'; '.join(receipt['problems'])}."


def _run_view(run):
    cells = [cell for cell in run["cells"] if cell["status"] in ("differs", "error")]
    return run | {"shown": cells[:10], "more": max(0, len(cells) - 10)}


def _evidence(record):
    """(what, value) pairs from which the grade can be made again."""
    settings, environment = record["settings"], record["environment"]
    pairs = [
        ("submission, SHA-256", record["submission"]["sha256"]),
        ("seed of the inputs", settings["seed"]),
        ("isolation", ISOLATION.get(settings["isolation"], settings["isolation"])),
        ("share for follow-through", f"{settings['follow_through_share']:.0%}"),
        *((name.replace("code", "code of the course, SHA-256"), value) for name, value in environment.items()),
        ("graded", record["timings"]["started"]),
        ("grading took", duration(record["timings"]["total"])),
        ("of which your own code", duration(record["timings"]["own_code"])),
    ]
    return [(name, str(value)) for name, value in pairs if value != ""]


def _wrap(text, before="", item=False):
    after = before + "  " * item
    before += "- " * item
    return "\n".join(wrap(line, 96, initial_indent=before, subsequent_indent=after) for line in text.splitlines())


def _squeeze(text):
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


# ---- the class page


def write_class(records, out, marks=None):
    """Write `out`/class.html; its path."""
    records = sorted(pages.clean(records), key=lambda record: record["submission"]["id"])
    marks = read_marks(out) if marks is None else marks
    return pages.write(Path(out, "class.html"), pages.fill("class.html", **_class_view(records, marks)))


def _class_view(records, marks):
    graded = [record for record in records if record["state"] == "graded"]
    questions = _question_rows(graded)
    written = _written_rows(graded, marks)
    return {
        "title": f"{', '.join(sorted({record['assignment'] for record in records}))}: the class",
        "summary": _summary(records, graded),
        "human": _needs_a_human(records, marks, written),
        "histogram": _histogram([_share(record, marks) for record in graded]),
        "questions": questions,
        "discriminating": any(row["discrimination"] is not None for row in questions),
        "enough": ENOUGH,
        "statuses": Counter(q["status"] for record in graded for q in record["questions"]).most_common(),
        "submissions": [_submission_row(record, marks) for record in records],
        "written": written,
        "remarks": Counter(remark for record in records for remark in record["remarks"]).most_common(),
        "time": _time_words(records),
    }


def _share(record, marks):
    points, possible, _ = totals(record, marks)
    return (record["score"] + points) / ((record["possible"] + possible) or 1)


def _summary(records, graded):
    line = f"{counted(len(records), 'submission')}, {len(graded)} graded."
    if graded:
        scores = [record["score"] for record in graded]
        middle = f"median {number(statistics.median(scores))}, mean {number(statistics.mean(scores))}"
        line += f" Score: {middle} of {number(graded[0]['possible'])} points, without written answers."
    return line


def _histogram(shares):
    """Bars for equal parts of the score from 0 to 100 %; full marks belong to the last."""
    counts = Counter(min(int(share * BINS + 1e-9), BINS - 1) for share in shares)
    tallest = max(counts.values(), default=1)
    width = 100 // BINS
    return [
        {
            "label": f"{i * width} to {'' if i == BINS - 1 else 'below '}{(i + 1) * width}",
            "start": i * width,
            "count": counts[i],
            "height": round(140 * counts[i] / tallest),
        }
        for i in range(BINS)
    ]


def _question_rows(graded):
    ids = {question["id"]: question for record in graded for question in record["questions"]}
    return [_question_row(question, graded) for question in ids.values()]


def _question_row(question, graded):
    pairs = [(record, q) for record in graded for q in record["questions"] if q["id"] == question["id"]]
    judged = [(record, q) for record, q in pairs if q["status"] not in NOT_JUDGED]
    missed = [q for _, q in judged if not passed(q)]
    reasons = Counter(filter(None, map(_reason, missed))).most_common(1)
    times = [record["timings"]["questions"].get(q["id"]) for record, q in pairs]
    seconds = [time for time in times if time is not None]
    return {
        "id": question["id"],
        "title": question["title"],
        "notebook": question["notebook"],
        "rate": len(missed) / len(judged) if judged else None,
        "missed": len(missed),
        "judged": len(judged),
        "statuses": Counter(status_words(q) for _, q in pairs if q["status"] != "ok").most_common(),
        "mistake": reasons[0] if reasons else None,
        "seconds": statistics.median(seconds) if seconds else None,
        "discrimination": _discrimination(judged),
    }


def _reason(question):
    return question["mistake"] or (question["failed"] and f"first wrong: {question['failed']}")


def _discrimination(judged):
    """Point-biserial correlation of a right answer with the score in all other questions; None if it says nothing."""
    if len(judged) < ENOUGH:
        return None
    right = [float(passed(q)) for _, q in judged]
    rest = [record["score"] - q["earned"] for record, q in judged]
    if len(set(right)) < 2 or len(set(rest)) < 2:
        return None
    return statistics.correlation(right, rest)


def _written_rows(graded, marks):
    rows = {}
    for record in graded:
        for answer in marked_answers(record, marks):
            row = rows.setdefault(answer["key"], {"key": answer["key"], "total": 0, "blank": 0, "marked": 0})
            row["total"] += 1
            row["blank"] += answer["blank"]
            row["marked"] += bool(answer["mark"]) and not answer["blank"]
    return [row | {"open": row["total"] - row["blank"] - row["marked"]} for row in rows.values()]


def _submission_row(record, marks):
    points, possible, waiting = totals(record, marks)
    return {
        "id": pages.file_name(record["submission"]["id"]),
        "name": record["submission"]["name"],
        "state": record["state"] if record["state"] != "graded" or is_final(record) else "graded, not final",
        "score": record["score"],
        "possible": record["possible"],
        "written": (points, possible) if possible else None,
        "waiting": waiting,
        "seconds": record["timings"]["total"],
        "remarks": len(record["remarks"]),
    }


def _needs_a_human(records, marks, written):
    """What to look at, why, and where, the most urgent first."""
    groups = {}
    for record in records:
        for doubt in _doubts(record):
            groups.setdefault(doubt, []).append(pages.file_name(record["submission"]["id"]))
    order = ("infrastructure error", "refused", "not gradable", "remark", "receipt")
    rows = [
        {"what": what, "why": why, "links": [(name, f"reports/{name}.html") for name in names]}
        for (what, why), names in sorted(groups.items(), key=lambda group: order.index(group[0][0]))
    ]
    for row in filter(lambda row: row["open"], written):
        why = f"{row['open']} of {row['total']} not marked yet"
        rows.append({"what": "written answers", "why": why, "links": [(row["key"], f"written/{row['key']}.html")]})
    for what, sentences in (
        ("marks", [*marks.problems, *unknown_marks(marks, records)]),
        ("grading", _unequal(records)),
    ):
        rows += [{"what": what, "why": sentence, "links": []} for sentence in sentences]
    return rows


def _doubts(record):
    """(what, why) pairs of a submission that a person should look at."""
    if record["state"] != "graded":
        yield record["state"], record["reason"]
        return
    for status in NOT_JUDGED:
        ids = [q["id"] for q in record["questions"] if q["status"] == status and not left_out(q, record)]
        if ids:
            yield status, ", ".join(ids)
    yield from (("remark", remark) for remark in record["remarks"] if TAMPERING.search(remark))
    receipt = record["submission"]["receipt"]
    if receipt and not receipt["verified"]:
        yield "receipt", "; ".join(receipt["problems"])


def _unequal(records):
    """Sentences about settings or versions that were not the same for all."""
    for name in ("settings", "environment"):
        for key in sorted({key for record in records for key in record[name]}):
            values = Counter(str(record[name].get(key)) for record in records)
            if len(values) > 1:
                listed = ", ".join(f"{value} ({amount})" for value, amount in values.most_common())
                yield f"not all submissions were graded alike: {key} is {listed}"


def _time_words(records):
    if not records:
        return ""
    slowest = max(records, key=lambda record: record["timings"]["total"])
    total, own = (sum(record["timings"][name] for record in records) for name in ("total", "own_code"))
    return (
        f"Grading took {duration(total)} of work in all, {duration(own)} of it in the learners' own code; a submission "
        f"took {duration(total / len(records))} on average, the slowest, {slowest['submission']['id']}, "
        f"{duration(slowest['timings']['total'])}."
    )
