"""The trained network that the notebooks look into: convolutions and ReLUs that name the thing in a scene.

It is a `DeepConvNet` after training, with each batch normalisation folded into the convolution before it: at test time
both are one affine map of the channels. Captions need to know where things are: `features` describes every place of the
last maps by its main components.
"""

from pathlib import Path

import numpy as np

from cs231n._weights import read_npz, write_npz
from cs231n._windows import HALF_SIZE
from cs231n.graph_layers import affine, conv_relu, global_mean, max_pool
from cs231n.scenes import CLASS_NAMES, COLOUR_NAMES

NETS = Path(__file__).parent.parent / "nets"
SCENE_CLASSES = tuple(f"{colour} {name}" for colour in COLOUR_NAMES for name in CLASS_NAMES)
NUM_COMPONENTS = 48  # in the features of a place


class SceneNet:
    """A network for one thing in a scene: a score for each colour of each kind, such as "red fish".

    Parameters
    ----------
    stages : sequence of sequences of int
        The number of filters of each 3 x 3 convolution; max pooling halves the maps after each stage.
    params : dict of ndarray
        For convolution i = 1, ..., L: W<i> of shape (F, C, 3, 3) and b<i> of shape (F,); for the affine layer on the
        mean of each last map W<L+1> of shape (F, K) and b<L+1> of shape (K,). Besides, `fit_features` adds
        "components" of shape (F, C) and "component_means" of shape (C,).

    Examples
    --------
    >>> net = SceneNet.load()
    >>> from cs231n.net_visualization import preprocess
    >>> from cs231n.scenes import describe, load_scenes
    >>> scenes = load_scenes(1, seed=2, things=1)
    >>> describe(scenes["captions"][0]), SCENE_CLASSES[net.scores(preprocess(scenes["images"])).argmax()]
    ('a small red house', 'red house')
    """

    def __init__(self, stages, params):
        self.stages = tuple(map(tuple, stages))
        self.params = params

    @classmethod
    def folded(cls, net):
        """Make one of a trained `DeepConvNet`, by folding its batch normalisation into its convolutions."""
        params = {}
        for i in range(1, net.num_convs + 1):
            W, gamma, beta = (net.params[f"{name}{i}"] for name in ("W", "gamma", "beta"))
            statistics = net.bn_params[i - 1]
            gain = gamma / np.sqrt(statistics["running_var"] + statistics.get("eps", 1e-5))
            params[f"W{i}"] = W * gain[:, np.newaxis, np.newaxis, np.newaxis]
            params[f"b{i}"] = beta - gain * statistics["running_mean"]
        last = net.num_convs + 1
        params |= {name: net.params[name] for name in (f"W{last}", f"b{last}")}
        return cls(net.stages, {name: value.astype(np.float32) for name, value in params.items()})

    @classmethod
    def load(cls, path=NETS / "scenes.npz"):
        """Read the network that comes with the package, or another file that `save` wrote."""
        arrays = read_npz(path)
        stages = [[int(size) for size in stage if size] for stage in arrays.pop("stages")]
        return cls(stages, {name: value.astype(np.float32) for name, value in arrays.items()})

    def save(self, path):
        """Write the weights in half precision, and the stages."""
        longest = max(map(len, self.stages))
        stages = np.array([[*stage, *[0] * (longest - len(stage))] for stage in self.stages])
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, {"stages": stages} | {name: value.astype(np.float16) for name, value in self.params.items()})

    @property
    def num_convs(self):
        """The number of convolutions."""
        return sum(map(len, self.stages))

    def maps(self, X, layer=None):
        """Compute feature maps.

        Parameters
        ----------
        X : Node or ndarray of shape (N, 3, H, W)
            Preprocessed images.
        layer : int, optional
            The convolution, from 1 on, after whose ReLU the maps are taken; by default those after the last pooling.

        Returns
        -------
        Node or ndarray of shape (N, F, H', W')
        """
        i = 0
        for stage in self.stages:
            for _ in stage:
                i += 1
                X = conv_relu(X, self.params[f"W{i}"], self.params[f"b{i}"], {"stride": 1, "pad": 1})
                if i == layer:
                    return X
            X = max_pool(X, HALF_SIZE)
        return X

    def fit_features(self, X):
        """Find the main components of the last maps, over all places of images X of shape (N, 3, H, W)."""
        maps = np.concatenate([self.maps(batch) for batch in _batches(X)])
        places = maps.transpose(0, 2, 3, 1).reshape(-1, maps.shape[1]).astype(np.float64)  # (N * H' * W', F)
        covariance = np.cov(places, rowvar=False)
        variances, vectors = np.linalg.eigh(covariance)  # in ascending order
        components = vectors[:, ::-1][:, :NUM_COMPONENTS] / np.sqrt(variances[::-1][:NUM_COMPONENTS])
        self.params["components"] = components.astype(np.float32)
        self.params["component_means"] = (places.mean(axis=0) @ components).astype(np.float32)

    def features(self, X):
        """Describe every place of the images by numbers of mean 0 and variance 1, the main components of the last maps.

        Parameters
        ----------
        X : ndarray of shape (N, 3, H, W)
            Preprocessed images.

        Returns
        -------
        float32 ndarray of shape (N, P * C)
            The C components of each of the P = H' * W' places, place by place, row by row; reshape to (N, P, C) to
            have a row for each place.
        """
        components, means = self.params["components"], self.params["component_means"]
        rows = []
        for batch in _batches(X):
            maps = self.maps(batch).transpose(0, 2, 3, 1)  # (n, F, H', W') -> (n, H', W', F)
            rows.append((maps @ components - means).reshape(len(batch), -1))
        return np.concatenate(rows)

    def scores(self, X, layer=None):
        """Compute the scores of all classes, of shape (N, K), or the feature maps after a layer.

        Parameters
        ----------
        X : Node or ndarray of shape (N, 3, H, W)
            Preprocessed images.
        layer : int, optional
            As for `maps`.

        Returns
        -------
        Node or ndarray
        """
        if layer is not None:
            return self.maps(X, layer)
        last = self.num_convs + 1
        return affine(global_mean(self.maps(X)), self.params[f"W{last}"], self.params[f"b{last}"])


def _batches(X, size=500):
    return (X[start : start + size] for start in range(0, len(X), size))
