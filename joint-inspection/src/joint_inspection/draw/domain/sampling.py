"""Which targets are drawn: Rosén's Pareto sampling over the keys (heli-draw-1, key).

Rosén, B. (1997), On sampling with probability proportional to size. Every number is an integer:
fractions are compared exactly, and with equal weights the n smallest keys are taken.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from joint_inspection.draw.domain.handles import Handle
from joint_inspection.draw.domain.lists import Weighted

KEY_BITS = 256
_WHOLE = 1 << KEY_BITS

_WIDENINGS = (1, 4, 16)

Keyed = tuple[bytes, Handle, int]


@dataclass(frozen=True, slots=True)
class Odds:
    """The fractions K·(W - n·w) / ((2²⁵⁶ - K)·n·w) of those drawn among, all with n·w < W."""

    n: int
    total: int
    weights: frozenset[int]

    def in_order(self, keyed: Iterable[Keyed]) -> list[Handle]:
        """Order by fraction, ties by handle; with one weight by key, which is the same.

        Each fraction becomes one integer. Two different fractions with denominators below 2^b
        differ by more than 2^(-2b), so their floors after shifting by 2b bits differ as well.
        """
        if len(self.weights) == 1:
            return [handle for _, handle, _ in sorted(keyed)]
        shift = 2 * (KEY_BITS + (self.n * max(self.weights)).bit_length())
        parts = {
            weight: ((self.total - self.n * weight) << shift, self.n * weight)
            for weight in self.weights
        }
        ranked = []
        for raw, handle, weight in keyed:
            k, (over, under) = int.from_bytes(raw), parts[weight]
            ranked.append((k * over // ((_WHOLE - k) * under), handle))
        return [handle for _, handle in sorted(ranked)]

    def keys_below(self, numerator: int, denominator: int) -> Mapping[int, bytes]:
        """For each weight, the key from which on the fraction is not below this bound."""
        return {
            weight: _least(_WHOLE * over, over + denominator * (self.total - self.n * weight))
            for weight in self.weights
            for over in (numerator * self.n * weight,)
        }


@dataclass(frozen=True, slots=True)
class Sample:
    """Who is drawn and who stands in reserve, each in the order drawn.

    First those taken for certain, by key, then the others in the order of their fractions.
    """

    taken: tuple[Handle, ...]
    reserve: tuple[Handle, ...]


def key(seed: bytes, handle: Handle) -> bytes:
    """K(h) = H(seed ‖ 0 ‖ handle), big-endian, so that bytes sort as the integer does."""
    return sha256(seed + b"\0" + handle.encode()).digest()


def in_key_order(seed: bytes, handles: Iterable[Handle]) -> list[Handle]:
    """Order handles by (K, handle)."""
    return sorted(handles, key=lambda handle: (key(seed, handle), handle))


def sample(listed: Weighted, *, n: int, reserve: int, seed: bytes) -> Sample:
    """Draw n targets and the reserve after them from one allocation.

    A target is in the sample with probability n·w/W, capped at 1.
    """
    weights = Counter(listed.weights)
    certain, left, total = _certain(weights, n)
    taken, rest = _apart(listed, certain)
    odds = Odds(left, total, frozenset(weights).difference(certain))
    order = _first(rest, odds, left + reserve, seed=seed)
    return Sample((*in_key_order(seed, taken), *order[:left]), tuple(order[left:]))


def _least(over: int, under: int) -> bytes:
    """Give the least key of at least over/under."""
    return (-(-over // under)).to_bytes(KEY_BITS // 8)


def _certain(weights: Mapping[int, int], n: int) -> tuple[frozenset[int], int, int]:
    """Give the weights taken for certain, and what is left of n and of the sum of weights.

    Going down one weight at a time takes the same targets as taking all with n·w ≥ W at once: if
    a lighter one passes before a heavier one is taken off, it passes after, since
    (n - 1)·w ≥ W - w ≥ W - (the heavier weight).
    """
    certain = set()
    total = sum(weight * times for weight, times in weights.items())
    for weight in sorted(weights, reverse=True):
        if n * weight < total:
            break
        certain.add(weight)
        n -= weights[weight]
        total -= weight * weights[weight]
    return frozenset(certain), n, total


def _apart(listed: Weighted, certain: frozenset[int]) -> tuple[list[Handle], Weighted]:
    """Part those taken for certain from those that are drawn among."""
    if not certain:
        return [], listed
    pairs = list(zip(listed.handles, listed.weights, strict=True))
    rest = [pair for pair in pairs if pair[1] not in certain]
    taken = [handle for handle, weight in pairs if weight in certain]
    return taken, Weighted([handle for handle, _ in rest], [weight for _, weight in rest])


def _first(rest: Weighted, odds: Odds, wanted: int, *, seed: bytes) -> list[Handle]:
    """Give the first `wanted` in order, computing fractions for few more than these.

    All whose fraction lies below a bound a little over wanted/n are enough almost always; where
    they are not the bound is raised and in the end left out: the answer is the same.
    """
    if not wanted:
        return []
    start = seed + b"\0"
    for widening in _WIDENINGS:
        bounds = odds.keys_below((wanted + wanted // 8 + 32) * widening, odds.n)
        # Keys are hashed again if the bound is too low, which is rarer than it is dear to keep all.
        few = [
            (k, handle, weight)
            for handle, weight in zip(rest.handles, rest.weights, strict=True)
            if (k := sha256(start + handle.encode()).digest()) < bounds[weight]
        ]
        if len(few) >= wanted:
            return odds.in_order(few)[:wanted]
    keyed = (
        (sha256(start + handle.encode()).digest(), handle, weight)
        for handle, weight in zip(rest.handles, rest.weights, strict=True)
    )
    return odds.in_order(keyed)[:wanted]
