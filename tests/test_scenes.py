"""The drawn scenes: their form, that all parts of a drawing agree, and their identity on every machine."""

import hashlib

import numpy as np
import pytest

from cs231n.scenes import CLASS_NAMES, COLOUR_NAMES, SIZE_NAMES, VOCABULARY, describe, load_scenes

SHA256 = "b9843cfefe45d4c352188acb3f2ac24498037235038cc064b5ec779fc28f0a13"


@pytest.fixture(scope="module")
def scenes():
    return load_scenes(600, seed=5)


def test_form(scenes):
    shapes = {name: value.shape for name, value in scenes.items()}
    assert shapes == {
        "images": (600, 48, 48, 3),
        "counts": (600,),
        "labels": (600, 4),
        "colours": (600, 4),
        "sizes": (600, 4),
        "boxes": (600, 4, 4),
        "instance_masks": (600, 48, 48),
        "semantic_masks": (600, 48, 48),
        "captions": (600, 15),
    }
    bytes_each = {"images", "instance_masks", "semantic_masks"}
    assert all(value.dtype == (np.uint8 if name in bytes_each else np.int64) for name, value in scenes.items())


def test_the_same_bits_everywhere(scenes):
    """Fails if a change of the module changes the scenes: look at them again, then update the sum."""
    digest = hashlib.sha256()
    for name, value in scenes.items():
        digest.update(name.encode() + np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes())
    assert digest.hexdigest() == SHA256


def test_fewer_scenes_are_the_first_of_many(scenes):
    for n in (0, 1, 250, 251):
        for name, value in load_scenes(n, seed=5).items():
            np.testing.assert_array_equal(value, scenes[name][:n])


def test_another_seed_gives_other_scenes(scenes):
    other = load_scenes(600, seed=6)
    images = np.concatenate([scenes["images"], other["images"]]).reshape(1200, -1)
    assert len(np.unique(images, axis=0)) == 1200


def test_boxes_and_semantic_masks_are_those_of_the_instances(scenes):
    for i in range(200):
        instances = scenes["instance_masks"][i]
        semantic = np.zeros_like(instances)
        for k in range(scenes["counts"][i]):
            rows, columns = np.nonzero(instances == k + 1)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert scenes["boxes"][i, k].tolist() == box
            semantic[instances == k + 1] = scenes["labels"][i, k] + 1
        np.testing.assert_array_equal(scenes["semantic_masks"][i], semantic)


def test_what_is_not_there_is_minus_one(scenes):
    missing = np.arange(4) >= scenes["counts"][:, None]
    for name in ("labels", "colours", "sizes", "boxes"):
        assert (scenes[name][missing] == -1).all() and (scenes[name][~missing] >= 0).all()
    assert (scenes["instance_masks"].max(axis=(1, 2)) == scenes["counts"]).all()


def test_every_thing_can_be_seen(scenes):
    """At least a quarter of the pixels that a thing of its size has are visible in nearly every case."""
    areas = np.stack([(scenes["instance_masks"] == k + 1).sum(axis=(1, 2)) for k in range(4)], axis=1)
    for size in (0, 1):
        of_size = areas[scenes["sizes"] == size]
        assert of_size.min() > 0 and (of_size > np.median(of_size) / 4).mean() > 0.98


def test_things_have_their_colours():
    """The median colour of a thing's pixels is nearest to the mean of its own colour name."""
    scenes = load_scenes(1500, seed=8, things=1)
    colours = np.array(
        [
            np.median(image[mask > 0], axis=0)
            for image, mask in zip(scenes["images"], scenes["instance_masks"], strict=True)
        ]
    )
    names = scenes["colours"][:, 0]
    means = np.array([colours[names == colour].mean(axis=0) for colour in range(len(COLOUR_NAMES))])
    nearest = np.linalg.norm(colours[:, None] - means, axis=2).argmin(axis=1)
    assert (nearest == names).mean() > 0.9


def words_of(scenes, i, k):
    about = scenes["sizes"][i, k], scenes["colours"][i, k], scenes["labels"][i, k]
    return f"{SIZE_NAMES[about[0]]} {COLOUR_NAMES[about[1]]} {CLASS_NAMES[about[2]]}"


def test_captions_of_one_thing():
    scenes = load_scenes(100, seed=2, things=1)
    assert scenes["captions"].shape == (100, 6)
    for i, caption in enumerate(scenes["captions"]):
        assert describe(caption) == f"a {words_of(scenes, i, 0)}"


def test_captions_of_two_things_say_what_the_boxes_show():
    """The first thing is left of the second or above it, by the centres of the boxes where nothing is hidden."""
    scenes = load_scenes(300, seed=2, things=(2, 2))
    right = 0
    for i, caption in enumerate(scenes["captions"]):
        text = describe(caption)
        relation = "left of" if "left of" in text else "above"
        centres = (scenes["boxes"][i, :, :2] + scenes["boxes"][i, :, 2:]) / 2
        axis = 0 if relation == "left of" else 1
        first = int(np.argmin(centres[:, axis]))
        second = words_of(scenes, i, 1 - first).split(" ", 1)[1]
        article = "an" if second.startswith("orange") else "a"
        right += text == f"a {words_of(scenes, i, first)} {relation} {article} {second}"
    assert right >= 290


def test_captions_count_the_other_things(scenes):
    for count, ending in ((3, "and one more thing"), (4, "and two more things")):
        for caption in scenes["captions"][scenes["counts"] == count]:
            assert describe(caption).endswith(ending)
    assert scenes["captions"].max() == len(VOCABULARY) - 1


def test_number_of_things():
    assert set(load_scenes(200, things=(2, 3))["counts"]) == {2, 3}
    assert load_scenes(10, things=(1, 2))["labels"].shape == (10, 2)


def test_rare_classes():
    weights = [1] * 9 + [0.01]
    labels = load_scenes(1000, things=1, class_weights=weights)["labels"]
    counts = np.bincount(labels[:, 0], minlength=10)
    assert counts[9] < 10 and counts[:9].min() > 70


def test_another_world_has_other_landscapes_and_the_same_things():
    usual, fog = load_scenes(500), load_scenes(500, world="fog")
    background = [s["images"][s["instance_masks"] == 0].mean() for s in (usual, fog)]
    assert background[1] > background[0] + 20
    np.testing.assert_array_equal(usual["labels"], fog["labels"])


def test_other_sizes():
    scenes = load_scenes(20, size=96)
    assert scenes["images"].shape == (20, 96, 96, 3) and scenes["boxes"].max() > 48


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n": -1}, "n is -1"),
        ({"n": 2.5}, "n is 2.5"),
        ({"size": 8}, "size is 8"),
        ({"things": (0, 2)}, "things is"),
        ({"things": 5}, "things is 5"),
        ({"class_weights": [1, 2]}, "10 numbers"),
        ({"world": "mars"}, "choose from meadow, fog"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        load_scenes(**{"n": 3, **options})
