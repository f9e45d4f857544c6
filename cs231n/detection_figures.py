"""Detections drawn on their images, with labels and scores, and as a film of a detector that learns."""

import io
from itertools import cycle

import numpy as np

# The colours of Okabe and Ito, light and dark by turns: neighbours differ for readers who see red and green as one.
COLOURS = ("#F0E442", "#D55E00", "#56B4E9", "#FFFFFF", "#0072B2", "#E69F00", "#009E73", "#CC79A7")
STYLES = ("-", "--", ":", "-.")


def draw_detections(ax, image, found, names, min_score=0.3):
    """Show an image, and on it the box, the class and the score of each detection, and its mask if there is one.

    A label has a frame in the colour and the line style of its box.

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
    for colour, style, k in zip(_colours(len(shown)), cycle(STYLES), shown, strict=False):
        score = f" {scores[k]:.2f}" if "scores" in found else ""
        _draw_detection(ax, found["boxes"][k], names[found["labels"][k]] + score, colour, style)
    ax.set(xlim=(0, image.shape[1]), ylim=(image.shape[0], 0))
    ax.axis("off")


def _draw_detection(ax, box, text, colour, style):
    """Draw a box with its label: white on black, so that it can be read whatever the colour of the box."""
    left, top, right, bottom = box
    ax.plot([left, right, right, left, left], [top, top, bottom, bottom, top], style, color=colour, linewidth=1.5)
    frame = {"facecolor": (0, 0, 0, 0.6), "edgecolor": colour, "linestyle": style, "linewidth": 1, "pad": 1}
    ax.text(left, top - 1, text, color="white", fontsize=7, bbox=frame)


def draw_boxes(ax, boxes, texts=(), color="white"):
    """Draw boxes over the image on some axes, all in one colour, with a text above each.

    Parameters
    ----------
    ax : matplotlib axes
    boxes : ndarray of shape (M, 4)
        Left, top, right, bottom.
    texts : sequence of str
        For the first boxes, or for none.
    color : matplotlib colour
    """
    from matplotlib.patches import Rectangle

    for left, top, right, bottom in boxes:
        frame = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, color=color, linewidth=1.5)
        ax.add_patch(frame)
    for (left, top, *_), text in zip(boxes, texts, strict=False):
        ax.text(left, top - 1, text, fontsize=8, color="black", backgroundcolor=(1, 1, 1, 0.6))
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
