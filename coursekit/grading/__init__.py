"""Grading: open what was handed in, graft it into our tree, run it apart from the judge, report. Instructors only."""
