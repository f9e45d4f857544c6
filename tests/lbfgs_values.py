"""Writes tests/data/lbfgs.npz: what SciPy's L-BFGS finds on two problems (run in an environment that has SciPy).

python tests/lbfgs_values.py
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "data" / "lbfgs.npz"


def rosenbrock(w):
    """A curved ravine in D dimensions, whose lowest point is at 1, ..., 1: value and gradient."""
    a, b = w[:-1], w[1:]
    gradient = np.zeros_like(w)
    gradient[:-1] = -400 * a * (b - a**2) - 2 * (1 - a)
    gradient[1:] += 200 * (b - a**2)
    return float(np.sum(100 * (b - a**2) ** 2 + (1 - a) ** 2)), gradient


def softmax_regression(W, X, y, reg):
    """Softmax loss of linear scores with 0.5 * reg * sum(W^2): value and gradient."""
    scores = X @ W
    scores -= scores.max(axis=1, keepdims=True)
    log_probs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    dscores = np.exp(log_probs)
    dscores[np.arange(len(y)), y] -= 1
    loss = -log_probs[np.arange(len(y)), y].mean() + 0.5 * reg * np.sum(W**2)
    return float(loss), X.T @ dscores / len(y) + reg * W


def softmax_problem():
    """Inputs of a softmax regression: 200 rows of 12 columns of very different scale, 5 classes."""
    rng = np.random.RandomState(231)
    X = rng.randn(200, 12) * np.geomspace(0.1, 10, 12)
    y = np.argmax(X @ rng.randn(12, 5) + 3 * rng.randn(200, 5), axis=1)
    return {"X": X, "y": y, "reg": 1e-3}


STARTS = {"rosenbrock_2": np.array([-1.2, 1.0]), "rosenbrock_10": np.tile([-1.2, 1.0], 5)}


def main():
    """Run SciPy's L-BFGS-B on each problem and store the minimum and the number of evaluations."""
    from scipy.optimize import minimize

    problem, found = softmax_problem(), {}

    def flat(w):
        loss, dW = softmax_regression(w.reshape(12, 5), **problem)
        return loss, dW.ravel()

    for name, f, start in (*((name, rosenbrock, w) for name, w in STARTS.items()), ("softmax", flat, np.zeros(60))):
        result = minimize(f, start, jac=True, method="L-BFGS-B", options={"maxcor": 10, "gtol": 1e-6, "ftol": 0})
        found |= {f"{name}_value": result.fun, f"{name}_evaluations": result.nfev, f"{name}_w": result.x}
    np.savez(FILE, **found)


if __name__ == "__main__":
    main()
