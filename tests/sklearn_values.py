"""What scikit-learn says of small random predictions; run as a script, this writes the file that the tests read.

    python tests/sklearn_values.py

It needs scikit-learn, which the tests do not.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).parent / "data" / "sklearn_metrics.npz"
NUM_CLASSES, SEEDS = 4, range(6)


def inputs(seed):
    """Predicted labels, several labels for each input, and scores of "yes", in half of the cases with many ties."""
    rng = np.random.RandomState(seed)
    y = np.concatenate([np.arange(NUM_CLASSES), rng.randint(NUM_CLASSES, size=50)])
    y_pred = np.where(rng.uniform(size=len(y)) < 0.5, y, rng.randint(NUM_CLASSES, size=len(y)))
    if seed % 3 == 0:
        y_pred[y_pred == 2] = 3  # never predicted
    answers = (rng.uniform(size=60) < 0.3).astype(int)
    scores = rng.randn(60) + answers
    return {
        "y": y,
        "y_pred": y_pred,
        "labels": (rng.uniform(size=(9, 5)) < 0.4).astype(int),
        "labels_pred": (rng.uniform(size=(9, 5)) < 0.4).astype(int),
        "answers": answers,
        "scores": np.round(2 * scores) / 2 if seed % 2 else scores,
    }


def values(seed):
    """The values by name."""
    from sklearn import metrics

    drawn = inputs(seed)
    y, y_pred, answers, scores = (drawn[name] for name in ("y", "y_pred", "answers", "scores"))
    shares = metrics.precision_recall_fscore_support(y, y_pred, labels=range(NUM_CLASSES), zero_division=0)[:3]
    precision, recall, _ = metrics.precision_recall_curve(answers, scores)
    rates = metrics.roc_curve(answers, scores, drop_intermediate=False)
    return {
        "confusion": metrics.confusion_matrix(y, y_pred, labels=range(NUM_CLASSES)),
        "shares": np.array(shares),
        "accuracy": metrics.accuracy_score(y, y_pred),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, y_pred),
        "hamming_loss": metrics.hamming_loss(drawn["labels"], drawn["labels_pred"]),
        "roc_curve": np.array(rates),
        "roc_area": metrics.roc_auc_score(answers, scores),
        "precision": precision[:-1][::-1],  # without its last point, and from the highest threshold down
        "recall": recall[:-1][::-1],
        "average_precision": metrics.average_precision_score(answers, scores),
    }


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    np.savez_compressed(PATH, **{f"{seed}/{name}": value for seed in SEEDS for name, value in values(seed).items()})
