"""Lending a NumPy random state to the compiled module."""

import threading
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

#: The state of a Mersenne Twister: its key of 624 words, and how many of them are used up.
TwisterState: TypeAlias = tuple[NDArray[np.uint32], int]

_STRETCH = 1 << 20


class LentRandomState:
    """A `numpy.random.RandomState`, for as long as the compiled module draws from it.

    Args:
        random_state: A seed, a `RandomState` or None, as scikit-learn takes them.
    """

    def __init__(self, random_state: Any) -> None:
        self.random_state: np.random.RandomState = check_random_state(random_state)
        if random_state is None and threading.current_thread() is not threading.main_thread():
            # All threads share NumPy's own state: lent to two fits at a time, it would give both the same draws.
            self.random_state = np.random.RandomState(self.random_state.randint(2**32, dtype=np.uint32))

    def state(self) -> TwisterState:
        """What the compiled module starts from."""
        state: dict[str, Any] = self.random_state.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            # A state over another generator can't be lent: it is asked for a seed.
            seed = self.random_state.randint(2**32, dtype=np.uint32)
            state = np.random.RandomState(seed).get_state(legacy=False)
        return state["state"]["key"], state["state"]["pos"]

    def skip(self, words: int) -> None:
        """Leaves the random state where the compiled module, which drew so many words, has left it."""
        if words == 0:
            return
        if self.random_state.get_state(legacy=False)["bit_generator"] != "MT19937":
            return
        for start in range(0, words, _STRETCH):
            self.random_state.bytes(4 * min(_STRETCH, words - start))
