"""Features of short English questions, for an embedding bag.

The notebooks that train and evaluate a text classifier both import this module; it is part of
their identity, so that changing it runs both again.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise


def features(text: str) -> list[str]:
    """Return words, pairs of neighbours, how words begin and end, and what the text begins with."""
    words = text.lower().split()
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    long = [word for word in words if len(word) > 3]
    affixes = [affix for word in long for affix in (f"{word[:4]}-", f"-{word[-3:]}")]
    starts = [f"{place}: {word}" for place, word in enumerate(words[:3], start=1)]
    starts += [f"start: {' '.join(words[:count])}" for count in (2, 3)]
    return words + pairs + affixes + starts


def vocabulary(texts: Iterable[str], *, least: int = 2) -> dict[str, int]:
    """Return a number for each feature that occurs often enough."""
    counts = Counter(feature for text in texts for feature in features(text))
    return {name: index for index, name in enumerate(n for n, c in counts.items() if c >= least)}


def encode(texts: Iterable[str], numbers: dict[str, int]) -> list[list[int]]:
    """Return each text as the numbers of its features; those not known are left out."""
    return [[numbers[f] for f in features(text) if f in numbers] for text in texts]


def bag(encoded: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Return all numbers in one list, and where each text begins, for `torch.nn.EmbeddingBag`."""
    starts = [0]
    for numbers in encoded:
        starts.append(starts[-1] + len(numbers))
    return [number for numbers in encoded for number in numbers], starts[:-1]
