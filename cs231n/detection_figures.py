"""Detections drawn on their images, with labels and scores, and as a film of a detector that learns."""

import io

import numpy as np

COLOURS = ("#e6194b", "#ffe119", "#3cb44b", "#42d4f4", "#f032e6", "#f58231", "#bfef45", "#4363d8", "#dcbeff", "#fabed4")


def draw_detections(ax, image, found, names, min_score=0.3):
    """Show an image, and on it the box, the class and the score of each detection, and its mask if there is one.

    Parameters
    ----------
    ax : matplotlib axes
    image : uint8 ndarray of shape (H, W, 3)
    found : dict
        ``boxes`` (M, 4), ``labels`` (M,), and for detections ``scores`` (M,); perhaps ``masks`` (M, H, W). Without
        scores, as in the truth of a scene, all of it is drawn.
    names : sequence of str
        Of the classes.
    min_score : float
        Less likely detections are left out.
    """
    scores = found.get("scores", np.ones(len(found["labels"])))
    shown = np.flatnonzero(scores >= min_score)
    if "masks" in found:
        image = with_masks(image, found["masks"][shown])
    ax.imshow(image, extent=(0, image.shape[1], image.shape[0], 0))
    for colour, k in zip(_colours(len(shown)), shown, strict=True):
        left, top, right, bottom = found["boxes"][k]
        ax.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color=colour, linewidth=1.5)
        score = f" {scores[k]:.2f}" if "scores" in found else ""
        box = {"facecolor": "black", "alpha": 0.6, "pad": 0.5, "linewidth": 0}
        ax.text(left, top - 0.7, names[found["labels"][k]] + score, color=colour, fontsize=7, bbox=box)
    ax.set(xlim=(0, image.shape[1]), ylim=(image.shape[0], 0))
    ax.axis("off")


def with_masks(image, masks, share=0.5):
    """Tint the pixels of each mask, boolean of shape (M, H, W), in a colour of its own: a new image, uint8."""
    tinted = np.array(image, dtype=float)
    for colour, mask in zip(_colours(len(masks)), masks, strict=True):
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        tinted[mask] = (1 - share) * tinted[mask] + share * rgb
    return tinted.astype(np.uint8)


def _colours(n):
    return [COLOURS[k % len(COLOURS)] for k in range(n)]


def figure_pixels(fig):
    """Return what a matplotlib figure shows, as uint8 of shape (H, W, 3)."""
    fig.canvas.draw()
    return np.asarray(fig.canvas.buffer_rgba())[..., :3].copy()


def film(frames, alt, seconds=0.4):
    """Make an animated GIF that IPython shows and Jupyter keeps.

    Parameters
    ----------
    frames : sequence of uint8 ndarrays of shape (H, W, 3)
        All of one size.
    alt : str
        A sentence on what the film shows, for readers who do not see it.
    seconds : float
        For which each is shown; the last one stays longer.

    Returns
    -------
    IPython.display.Image
    """
    import imageio.v3 as imageio
    from IPython.display import Image

    durations = [1000 * seconds] * (len(frames) - 1) + [2000]
    data = io.BytesIO()
    imageio.imwrite(data, np.stack(frames), extension=".gif", plugin="pillow", duration=durations, loop=0)
    return Image(data=data.getvalue(), format="gif", alt=alt)
