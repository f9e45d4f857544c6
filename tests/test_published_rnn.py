"""The cells of the course's RNN_Captioning and LSTM_Captioning, 2018 to 2024: what they call, draw and promise.

The notebooks print errors and never fail. Here, each error must be as small as the notebook says, and where a correct
answer misses that by rounding, as small as correct answers reach. The course's numbers that the notebooks compare with
are in `test_rnn_layers.py`, to all their digits.
"""

import numpy as np
import pytest

from cs231n.captioning_solver import CaptioningSolver
from cs231n.classifiers.rnn import CaptioningRNN
from cs231n.coco_utils import decode_captions, load_coco_data, sample_coco_minibatch
from cs231n.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from cs231n.image_utils import image_from_url

NAMES = {}
exec("from cs231n.rnn_layers import *", NAMES)  # as the notebooks do: what they call must come with the star
WORDS = {"<NULL>": 0, "cat": 2, "dog": 3}


def call(name, *arguments):
    return NAMES[name](*arguments)


def rel_error(x, y):
    """The course's formula."""
    return np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y)))


def drawn(*shapes):
    np.random.seed(231)
    return [np.random.randn(*shape) for shape in shapes]


def numeric_gradients(function, inputs, dout, output=0):
    """The gradient of each input by differences, as in the notebooks: all other inputs stay as they are."""
    return [
        eval_numerical_gradient_array(
            lambda x, i=i: function(*inputs[:i], x, *inputs[i + 1 :])[output], inputs[i], dout
        )
        for i in range(len(inputs))
    ]


@pytest.mark.parametrize(
    "layer, shapes, bounds",
    [
        ("rnn_step", [(4, 5), (4, 6), (5, 6), (6, 6), (6,)], [1e-8] * 5),
        ("rnn", [(2, 10, 3), (2, 5), (3, 5), (5, 5), (5,)], [1e-6] * 5),
        ("lstm", [(2, 10, 3), (2, 6), (3, 24), (6, 24), (24,)], [1e-7, 1e-7, 1e-7, 4e-6, 1e-7]),
        ("temporal_affine", [(2, 3, 4), (4, 5), (5,)], [1e-9] * 3),
    ],
)
def test_backward_passes(layer, shapes, bounds):
    inputs = drawn(*shapes)
    out, cache = call(f"{layer}_forward", *inputs)
    dout = np.random.randn(*out.shape)
    gradients = call(f"{layer}_backward", dout, cache)
    numeric = numeric_gradients(NAMES[f"{layer}_forward"], inputs, dout)
    for gradient, expected, bound in zip(gradients, numeric, bounds, strict=True):
        assert rel_error(expected, gradient) < bound


def test_lstm_step_backward():
    """Both outputs have a gradient, and their effects add up."""
    inputs = drawn((4, 5), (4, 6), (4, 6), (5, 24), (6, 24), (24,))
    next_h, next_c, cache = call("lstm_step_forward", *inputs)
    douts = np.random.randn(*next_h.shape), np.random.randn(*next_c.shape)
    gradients = call("lstm_step_backward", *douts, cache)
    through_h, through_c = (
        numeric_gradients(NAMES["lstm_step_forward"], inputs, dout, output) for output, dout in enumerate(douts)
    )
    for gradient, *parts in zip(gradients, through_h, through_c, strict=True):
        assert rel_error(sum(parts), gradient) < 1e-7


def test_word_embedding_backward():
    np.random.seed(231)
    x, W = np.random.randint(5, size=(50, 3)), np.random.randn(5, 6)
    out, cache = call("word_embedding_forward", x, W)
    dout = np.random.randn(*out.shape)
    numeric = eval_numerical_gradient_array(lambda W: call("word_embedding_forward", x, W)[0], W, dout)
    assert rel_error(call("word_embedding_backward", dout, cache), numeric) < 1e-11


def test_temporal_softmax_to_the_digits_that_a_correct_answer_prints(capsys):
    """The random numbers go on from the cell before, of the temporal affine layer."""
    drawn((2, 3, 4), (4, 5), (5,), (2, 3, 5))
    for N, T, V, p, expected in (
        (100, 1, 10, 1.0, 2.30278),
        (100, 10, 10, 1.0, 23.02599),
        (5000, 10, 10, 0.1, 2.26436),
    ):
        x = 0.001 * np.random.randn(N, T, V)
        y = np.random.randint(V, size=(N, T))
        loss, _ = call("temporal_softmax_loss", x, y, np.random.rand(N, T) <= p)
        assert loss == pytest.approx(expected, abs=6e-6)
    x, y, mask = np.random.randn(7, 8, 9), np.random.randint(9, size=(7, 8)), np.random.rand(7, 8) > 0.5
    _, dx = NAMES["temporal_softmax_loss"](x, y, mask, verbose=False)
    numeric = eval_numerical_gradient(lambda x: call("temporal_softmax_loss", x, y, mask)[0], x, verbose=False)
    assert rel_error(dx, numeric) < 1e-7
    NAMES["temporal_softmax_loss"](x, y, mask, verbose=True)
    assert "(56, 9)" in capsys.readouterr().out  # the shape of the flat gradient


def test_gradients_of_the_network():
    """For the recurrent network, as in the notebook; `test_rnn_layers.py` has those of the LSTM."""
    np.random.seed(231)
    captions, features = np.random.randint(3, size=(2, 3)), np.random.randn(2, 4)
    model = CaptioningRNN(WORDS, input_dim=4, wordvec_dim=5, hidden_dim=6, cell_type="rnn", dtype=np.float64)
    _, grads = model.loss(features, captions)
    for name in sorted(grads):
        numeric = eval_numerical_gradient(
            lambda _: model.loss(features, captions)[0], model.params[name], verbose=False, h=1e-6
        )
        assert rel_error(numeric, grads[name]) < 1e-6, name


@pytest.mark.parametrize("cell_type, decay, goal", [("rnn", 0.95, 0.1), ("lstm", 0.995, 0.5)])
def test_overfit_and_sample(cell_type, decay, goal, capsys):
    """The cells that need captions, on drawn scenes: the loss falls as far as the notebooks ask on COCO."""
    np.random.seed(231)
    small_data = load_coco_data(max_train=50)
    model = CaptioningRNN(
        cell_type=cell_type,
        word_to_idx=small_data["word_to_idx"],
        input_dim=small_data["train_features"].shape[1],
        hidden_dim=512,
        wordvec_dim=256,
        dtype=np.float32,
    )
    solver = CaptioningSolver(
        model,
        small_data,
        update_rule="adam",
        num_epochs=50,
        batch_size=25,
        optim_config={"learning_rate": 5e-3},
        lr_decay=decay,
        verbose=True,
        print_every=10,
    )
    solver.train()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10 and lines[-1].startswith("(Iteration 91 / 100) loss: ")
    assert solver.loss_history[-1] < goal

    for split in ("train", "val"):
        gt_captions, features, urls = sample_coco_minibatch(small_data, split=split, batch_size=2)
        written = decode_captions(model.sample(features), small_data["idx_to_word"])
        expected = decode_captions(gt_captions, small_data["idx_to_word"])
        for text, caption, url in zip(written, expected, urls, strict=True):
            assert caption.startswith("<START> a ") and caption.endswith(" <END>")
            assert (f"<START> {text}" == caption) or split == "val"
            assert image_from_url(url).shape == (48, 48, 3)
