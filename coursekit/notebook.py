"""`check` for notebooks: one call, a verdict in a few readable lines."""

import os

from coursekit.questions import find

# While a notebook is graded: the word to send along with the values, which are judged outside.
GRADING = "COURSEKIT_GRADING"
HANDED_OVER = "application/vnd.coursekit.values"


class CheckFailed(Exception):
    """A question is not ok; notebooks show its text alone, without a traceback."""

    def _render_traceback_(self):
        # IPython calls this in place of formatting a traceback.
        return str(self).splitlines()


def check(question_id, verbose=False, **values):
    """Check a question and print its verdict.

    Parameters
    ----------
    question_id : str
        Such as "affine_forward". What is checked is the file as saved on disk.
    verbose : bool
        Show every measured error as well.
    **values
        What a notebook question asks for, such as ``best_k=best_k``.

    Raises
    ------
    CheckFailed
        If the verdict is 'wrong' or 'not attempted'; its text is the verdict.

    Examples
    --------
    >>> check("affine_forward")  # doctest: +ELLIPSIS
    affine_forward
    ...
    affine_forward: ok, 2 points
    """
    if GRADING in os.environ:
        return _hand_over(question_id, values)
    # Imported here: where a notebook is graded, there is no judge.
    from coursekit.checking import check_question, tested_files
    from coursekit.judge import judge_values
    from coursekit.text import render

    question = find(question_id)
    if question.in_notebook:
        verdict, tested = judge_values(question, values), ""
    elif values:
        raise TypeError(f"check({question_id!r}) takes no values: it tests the saved file.")
    else:
        verdict, tested = check_question(question), tested_files(question)
    text = render(verdict, tested, verbose)
    if not verdict.ok:
        raise CheckFailed(text) from None
    print(text)


def _hand_over(question_id, values):
    """Send the values out of the kernel as plain bytes; no verdict is made here."""
    from IPython import get_ipython

    from coursekit import wire

    kernel = get_ipython().kernel
    content = {"data": {HANDED_OVER: question_id}, "metadata": {}, "transient": {}}
    data = wire.pack({"nonce": os.environ[GRADING], "question": question_id, "values": values})
    parent = kernel.get_parent()
    kernel.session.send(kernel.iopub_socket, "display_data", content, parent=parent, buffers=[data])
