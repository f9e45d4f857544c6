"""How good captions are: the share that is exact, and BLEU.

A caption is a text, such as `cs231n.coco_utils.decode_captions` returns it; the marks <START>, <END> and <NULL> do not
count as words, and nothing after <END> does. A reference is a text that a caption should equal, or a list of several.
"""

from collections import Counter

import numpy as np

__all__ = ["bleu", "caption_words", "exact_share"]

_MARKS = ("<NULL>", "<START>", "<END>")


def caption_words(caption):
    """Return the words of a caption as a list, without its marks.

    Examples
    --------
    >>> caption_words("<START> a red fish <END>")
    ['a', 'red', 'fish']
    """
    return [word for word in caption.partition("<END>")[0].split() if word not in _MARKS]


def exact_share(captions, references):
    """Return the share of captions that equal a reference, word for word.

    Parameters
    ----------
    captions : sequence of str
    references : sequence of (str or list of str)
        As many as captions.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If there is not one reference, or list of references, for each caption.

    Examples
    --------
    >>> exact_share(["a red fish", "a red sun"], ["a red fish", "a red moon"])
    0.5
    """
    pairs = _pairs(captions, references)
    return sum(words in rights for words, rights in pairs) / len(pairs)


def bleu(captions, references, longest=4):
    """Return the BLEU score of a whole set of captions: how many of their n-grams stand in the references.

    An n-gram is a sequence of n words. With p_n the share of all n-grams of the captions that their references contain,
    c the number of words in all captions, and r that in the references::

        BLEU = min(1, exp(1 - r / c)) * (p_1 p_2 p_3 p_4) ** (1 / 4)

    An n-gram of a caption counts at most as often as a reference contains it. The first factor, the brevity penalty,
    makes up for captions that say too little. Counts are added up over all captions before they are divided.

    Parameters
    ----------
    captions : sequence of str
    references : sequence of (str or list of str)
        As many as captions. Of several references, r counts the words of the one whose length is nearest.
    longest : int
        The largest n; 4 by default.

    Returns
    -------
    float
        From 0 to 1; 0 if no n-gram of some length is right.

    Raises
    ------
    ValueError
        If there is not one reference, or list of references, for each caption.

    Notes
    -----
    Papineni, Roukos, Ward and Zhu (2002), "BLEU: a method for automatic evaluation of machine translation".

    Examples
    --------
    Four of five words are right, and three of four pairs; the caption is as long as its reference:

    >>> score = bleu(["a small red fish swims"], ["a small red fish sleeps"], longest=2)
    >>> print(f"{score**2:.2f} = 4/5 * 3/4")
    0.60 = 4/5 * 3/4
    """
    pairs = _pairs(captions, references)
    precisions = [_precision(pairs, n) for n in range(1, longest + 1)]
    if min(precisions) == 0:
        return 0.0
    num_words = sum(len(words) for words, _ in pairs)
    num_wanted = sum(_nearest_length(words, rights) for words, rights in pairs)
    brevity_penalty = min(1.0, np.exp(1 - num_wanted / num_words))
    return float(brevity_penalty * np.exp(np.mean(np.log(precisions))))


def _pairs(captions, references):
    """The words of each caption, with a list of the words of each of its references."""
    if len(captions) != len(references) or len(captions) == 0:
        raise ValueError(
            f"there are {len(captions)} captions and {len(references)} references, expected as many of both, and some."
        )
    lists = [[reference] if isinstance(reference, str) else reference for reference in references]
    return [
        (caption_words(caption), [caption_words(right) for right in rights])
        for caption, rights in zip(captions, lists, strict=True)
    ]


def _precision(pairs, n):
    """The share of the captions' n-grams that their references contain; 0 if the captions have none."""
    right = total = 0
    for words, rights in pairs:
        wanted = Counter()
        for reference in rights:
            wanted |= _ngrams(reference, n)  # the larger of the counts of an n-gram
        said = _ngrams(words, n)
        right += (said & wanted).total()  # the smaller of the counts
        total += said.total()
    return right / max(total, 1)


def _ngrams(words, n):
    """How often each sequence of n words occurs."""
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _nearest_length(words, rights):
    """The length of the reference that is nearest to the caption's; the shorter of two that are equally near."""
    return min((len(right) for right in rights), key=lambda length: (abs(length - len(words)), length))
