"""Scores of captions: values computed by hand, and nltk's where it is installed."""

import random
from math import exp

import pytest

from cs231n.caption_metrics import bleu, caption_words, exact_share

CAPTION = "a small red fish left of a red red sun"
REFERENCE = "a small red fish left of a large red sun"


class TestWords:
    def test_marks_are_no_words(self):
        """Nothing after the end counts, whatever a network goes on to say."""
        assert caption_words("<START> a fish <END> a fish <NULL>") == ["a", "fish"]

    def test_a_caption_may_be_empty(self):
        assert caption_words("<START> <END>") == []


class TestExactShare:
    def test_word_for_word(self):
        captions = ["a red sun <END>", "a red", "red a sun", "a  red sun"]
        assert exact_share(captions, ["<START> a red sun <END>"] * 4) == 0.5

    def test_any_of_several_references(self):
        assert exact_share(["a moon", "a sun"], [["a star", "a moon"], ["a star", "a moon"]]) == 0.5


class TestBleu:
    def test_by_hand(self):
        """Of 10 words 9 are right (the third "red" is one too many), of pairs 7/9, of triples 5/8, of fours 4/7."""
        assert bleu([CAPTION], [REFERENCE]) == pytest.approx((9 / 10 * 7 / 9 * 5 / 8 * 4 / 7) ** 0.25, rel=1e-12)

    def test_a_right_caption_scores_1(self):
        assert bleu([REFERENCE], [REFERENCE]) == pytest.approx(1, abs=1e-12)

    def test_counts_are_added_up_before_they_are_divided(self):
        """A mean of the captions' own scores would be another number."""
        captions, references = ["a b c d e", "a b x x"], ["a b c d e", "a b c d"]
        expected = (7 / 9 * 5 / 7 * 3 / 5 * 2 / 3) ** 0.25
        assert bleu(captions, references) == pytest.approx(expected, rel=1e-12)

    def test_brevity_penalty(self):
        """All that is said is right, but two words of six are missing."""
        assert bleu(["a b c d"], ["a b c d e f"]) == pytest.approx(exp(1 - 6 / 4), rel=1e-12)

    def test_no_reward_for_being_long(self):
        assert bleu(["a b c d e f"], ["a b c d"], longest=1) == pytest.approx(4 / 6, rel=1e-12)

    def test_a_word_counts_as_often_as_a_reference_has_it(self):
        """The example of Papineni and others (2002): two of seven, and not all."""
        references = ["the cat is on the mat", "there is a cat on the mat"]
        assert bleu(["the the the the the the the"], [references], longest=1) == pytest.approx(2 / 7, rel=1e-12)

    def test_nearest_reference_gives_the_length(self):
        """Length 3 is as near to 2 as to 4: the shorter one counts, so the caption is not too short."""
        references = ["a b", "a b c d", "a b c d e f g h i"]
        assert bleu(["a b c"], [references], longest=1) == pytest.approx(1, rel=1e-12)

    def test_nothing_right_scores_0(self):
        assert bleu(["a b c d"], ["a b c x"]) == 0.0
        assert bleu(["<END>"], ["a"]) == 0.0

    def test_nltk(self):
        score = pytest.importorskip("nltk.translate.bleu_score")
        rng = random.Random(0)
        draw = [[rng.choice("abcd") for _ in range(rng.randint(5, 12))] for _ in range(120)]
        said, rights = draw[:40], list(zip(draw[40:80], draw[80:], strict=True))
        expected = score.corpus_bleu(rights, said)
        texts = [[" ".join(words) for words in several] for several in rights]
        assert bleu([" ".join(words) for words in said], texts) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("score", [exact_share, bleu])
@pytest.mark.parametrize("captions, references", [(["a"], ["a", "b"]), ([], [])])
def test_errors_say_what_came(score, captions, references):
    with pytest.raises(ValueError, match=f"{len(captions)} captions and {len(references)} references"):
        score(captions, references)
