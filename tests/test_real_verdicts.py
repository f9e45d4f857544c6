"""What a check says of mistakes that real learners made: the right thing, or nothing, and never anything misleading."""

import re
from pathlib import Path

import pytest
from attempts import told, written

MISTAKES = Path(__file__).parents[2] / "shared" / "faults" / "real_mistakes"
MISLEADING = ("keepdims=True", "hard-coded?", "every entry of")  # what once came where nothing else was known

# file, question, what must be said, what must not
VERDICTS = (
    ("m01", "batchnorm_backward", "eps is missing", "only the last row"),
    ("m02", "rmsprop", "hard-coded as epsilon", "off by the same"),
    ("m02", "rmsprop", "expected -1.0624226, got -1.0624225", ""),
    ("m03", "spatial_batchnorm_forward", "a small constant, such as eps", "off by the same"),
    ("m04", "adam", "raise beta to the power t", ""),
    ("m06", "conv_net_gradients", "the gradients of the biases are regularised", ""),
    ("m06", "two_layer_net_gradients", "the gradients of the biases are regularised", ""),
    ("m07", "conv_net_gradients", "np.sum(W3) ** 2 squares the sum", ""),
    ("m08", "two_layer_net_loss", "the ReLU between the two layers is missing", ""),
    ("m08", "two_layer_net_gradients", "the ReLU between the two layers is missing", ""),
    ("m10", "max_pool_backward_naive", "divided by pool_height", "hard-coded"),
    ("m11", "max_pool_backward_naive", "take one number, but get an array", ""),
    ("m12", "conv_backward_naive", "(3, 4, 4) and (3, 4, 5) do not fit each other: they differ in axis 2", "newaxis"),
    ("m13", "spatial_groupnorm_backward", "the sums in dx run over single channels", "newaxis"),
    ("m14", "softmax_loss_vectorized", "the probability of the true class for all classes", "overflow"),
    ("m18", "knn_predict_labels", "in a tie the order of a set or a dict decides", "hard-coded"),
    ("m19", "fcn_init", "the last hidden layer has no gamma and beta", "count the layers"),
    ("m21", "fcn_loss", "the layers are counted from 1", "newaxis"),
    ("m23", "conv_net_init", "use // for whole numbers", ""),
    ("m24", "max_pool_forward_naive", "NumPy has no np.int any more: write int", "deprecated alias"),
    ("m25", "neural_net_loss", "db1 is the number 0", "is there a sum"),
    ("m27", "dropout_forward", "the mask fits matrices only", "keepdims"),
    ("m27", "dropout_backward", "(3, 2, 3, 4) and (3, 2) do not fit each other", "keepdims"),
    ("m28", "two_layer_net_gradients", "b has shape (6, 3)", "scores are returned"),
    ("m29", "affine_forward", "do not have the same number of axes", "w is transposed"),
    ("m30", "two_layer_net_gradients", "the loss is still 0", "cuts off"),
    ("m31", "svm_loss", "the margin of the true class, which is always 1, counts in the loss", ""),
    ("m33", "softmax_loss_naive", "divides by the whole right-hand side", "overflow"),
    ("m34", "neural_net_predict", "Is np.argmax applied to the scores, along axis 1?", "is there a sum"),
    ("m35", "linear_classifier_train", "the rows are taken in order", "overflow"),
    ("m37", "batchnorm_forward_test", "eps is subtracted from the variance", "root of a negative"),
    ("m39", "fcn_loss", "batchnorm_forward gets settings without a mode", "hard-coded"),
    ("m40", "two_layer_net_gradients", "the ReLU between the two layers is missing", "inf"),
)


@pytest.mark.skipif(not MISTAKES.is_dir(), reason="the collection of real mistakes is not here")
@pytest.mark.parametrize(("file", "question", "says", "says_not"), VERDICTS)
def test_real_mistakes_are_named(file, question, says, says_not):
    [path] = MISTAKES.glob(f"{file}_*.py")
    text = told(written(path.read_text(encoding="utf-8"), path.stem), question)
    assert says in text
    assert not says_not or says_not not in text
    assert not any(phrase in text for phrase in MISLEADING)


@pytest.mark.skipif(not MISTAKES.is_dir(), reason="the collection of real mistakes is not here")
def test_every_real_mistake_has_its_row():
    files = {path.name.split("_")[0] for path in MISTAKES.glob("m*.py")}
    assert files == {row[0] for row in VERDICTS}


# What learners tried, with what must be said of it; much of it was once named wrongly, or not at all.
ATTEMPTS_FILE = Path(__file__).parent / "data" / "attempts.txt"


def attempts():
    """The attempts: (question, what was done, what must be said, source)."""
    parts = re.split(r"^### (.+)\n### says: (.+)\n", ATTEMPTS_FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [(*head.split(" :: "), says, source) for head, says, source in zip(*[iter(parts)] * 3, strict=True)]


@pytest.mark.parametrize(
    ("question", "says", "source"),
    [pytest.param(q, says, source, id=f"{q} :: {what}") for q, what, says, source in attempts()],
)
def test_attempts_are_named(question, says, source):
    text = told(written(source), question)
    for part in says.split(" | "):
        assert part in text if not part.startswith("not ") else part.removeprefix("not ") not in text
