"""Pairs of works by what only few have in common.

An index from fingerprints to works is walked once. A fingerprint that more than `MOST_SHARING` works have is no
evidence and makes no pairs, so the time grows in proportion to the number of works.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import combinations

from coursekit.grading.similarity.fingerprints import Fingerprint
from coursekit.grading.similarity.works import Part, Work, related

MOST_SHARING = 40
SMALL_CLASS = 20  # works; in smaller classes a fingerprint counts as it would in one of so many
LEAST = 5.0  # evidence of a pair that is listed

Places = dict[int, tuple[Part, Fingerprint]]


@dataclass(frozen=True)
class Match:
    """Two parts, and the characters of each that both have."""

    first: Part
    second: Part
    evidence: float
    in_first: list[tuple[int, int]]
    in_second: list[tuple[int, int]]


@dataclass(frozen=True)
class Pair:
    """Two works. `evidence` counts their common fingerprints, rare ones most.

    `shares` are the parts of the fingerprints of each that the other has too.
    """

    first: Work
    second: Work
    evidence: float
    shares: tuple[float, float]
    matches: list[Match] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """The pairs of a class, the most evidence first, and the pairs that were left out because they belong together."""

    pairs: list[Pair]
    left_out: list[Pair]
    compared: int


def weight(sharing: int, works: int) -> float:
    """What a fingerprint counts that so many of the works have: 1 if two have it, 0 if all have.

    Examples
    --------
    >>> weight(2, 100), weight(100, 100), round(weight(10, 100), 2)
    (1.0, 0.0, 0.59)
    """
    works = max(works, SMALL_CLASS)
    return max(0.0, math.log(works / sharing) / math.log(works / 2))


def compare(works: list[Work], most: int = 100, least: float = LEAST) -> Comparison:
    """The pairs of works with the most evidence, at most so many; none of two works of earlier classes.

    Parameters
    ----------
    works : list of Work
    most : int
        Pairs that are returned.
    least : float
        Evidence that a pair must have.
    """
    places = [_places(work) for work in works]
    weights, evidence = _evidence(works, places)
    found = sorted((-amount, pair) for pair, amount in evidence.items() if amount >= least)
    made = [_pair(works, places, weights, i, j, -amount) for amount, (i, j) in found[: 2 * most]]
    apart = [pair for pair in made if not related(pair.first, pair.second)]
    together = [pair for pair in made if related(pair.first, pair.second)]
    return Comparison(apart[:most], together[:most], len(works))


def _places(work: Work) -> Places:
    """Where each fingerprint stands first."""
    places: Places = {}
    for part in work.parts:
        for fingerprint in part.fingerprints:
            places.setdefault(fingerprint.hash, (part, fingerprint))
    return places


def _evidence(works: list[Work], places: list[Places]) -> tuple[dict[int, float], dict[tuple[int, int], float]]:
    """(what each fingerprint counts, the evidence for each pair of works)."""
    index: dict[int, list[int]] = defaultdict(list)
    for i, known in enumerate(places):
        for hash_ in known:
            index[hash_].append(i)
    weights = {h: weight(len(who), len(works)) for h, who in index.items() if 2 <= len(who) <= MOST_SHARING}
    evidence: dict[tuple[int, int], float] = defaultdict(float)
    for hash_, amount in weights.items():
        for i, j in combinations(index[hash_], 2) if amount else ():
            if not (works[i].earlier and works[j].earlier):
                evidence[i, j] += amount
    return weights, evidence


def _pair(works: list[Work], places: list[Places], weights: dict[int, float], i: int, j: int, evidence: float) -> Pair:
    common = [h for h in places[i] if h in places[j] and weights.get(h)]
    shares = (len(common) / len(places[i]), len(common) / len(places[j]))
    return Pair(works[i], works[j], evidence, shares, _matches(common, places[i], places[j], weights))


def _matches(common: list[int], mine: Places, theirs: Places, weights: dict[int, float]) -> list[Match]:
    """The common fingerprints by the parts in which they stand, the most evidence first."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for hash_ in common:
        groups[id(mine[hash_][0]), id(theirs[hash_][0])].append(hash_)
    matches = []
    for hashes in groups.values():
        spans = [_joined([place[h][1] for h in hashes]) for place in (mine, theirs)]
        amount = sum(weights[h] for h in hashes)
        matches.append(Match(mine[hashes[0]][0], theirs[hashes[0]][0], amount, *spans))
    return sorted(matches, key=lambda match: (-match.evidence, match.first.title, match.second.title))


def _joined(found: list[Fingerprint]) -> list[tuple[int, int]]:
    """The characters of fingerprints; those that overlap or touch are one stretch."""
    stretches: list[tuple[int, int]] = []
    for start, end in sorted((one.start, one.end) for one in found):
        if stretches and start <= stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], max(end, stretches[-1][1]))
        else:
            stretches.append((start, end))
    return stretches
