"""What a drawing would have to change: the gradients of two scores at every pixel that a network sees."""

from typing import Any, Protocol

import numpy as np

NOISY = 15  # copies whose gradients are averaged with the picture's own
NOISE = 0.15  # the standard deviation of what is added to their pixels
FULL = 99  # the percentile of the sizes that is shown in full colour: a few larger ones would leave the rest pale
SHADES = 127


class Network(Protocol):
    """Anything with a forward and a backward pass."""

    def forward(self, x: np.ndarray, /) -> np.ndarray: ...

    def backward(self, dy: np.ndarray, /) -> Any: ...


def gradients(model: Network, seen: np.ndarray) -> dict[str, Any]:
    """seen (28, 28) -> the two likeliest classes and four maps (28, 28).

    `winner` is the gradient of the likeliest class's score, `change` that of the second's score minus the first's:
    where it is above zero, ink moves the answer towards the second. Each comes for the picture itself (`single`) and as
    the mean over noisy copies (`smooth`), after Smilkov and others, SmoothGrad, 2017 (arXiv:1706.03825).
    """
    noise = np.random.default_rng(0).normal(0, NOISE, (NOISY, *seen.shape))
    batch = np.concatenate([seen[None], seen + noise])[:, None].astype(np.float32)
    logits = model.forward(batch)
    first, second = (int(digit) for digit in np.argsort(-logits[0])[:2])
    maps = {}
    for name, plus, minus in (("winner", first, None), ("change", second, first)):
        dy = np.zeros_like(logits)
        dy[:, plus] = 1
        if minus is not None:
            dy[:, minus] = -1
        dx = np.asarray(model.backward(dy))[:, 0]
        maps[name] = {"single": dx[0], "smooth": dx.mean(axis=0)}
    return {"first": first, "second": second, **maps}


def shaded(values: np.ndarray) -> bytes:
    """values (H, W) -> a signed byte for each: its share of full colour, from -127 to 127."""
    full = max(float(np.percentile(np.abs(values), FULL)), 1e-12)
    return np.rint(SHADES * np.clip(values / full, -1, 1)).astype(np.int8).tobytes()
