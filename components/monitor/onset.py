"""When did it begin? The most likely moment from which a signal departs from the reference to the end of the window."""

import numpy as np

from components.monitor.familywise import Floats

BEFORE = 10
"""A drift that began after fewer images than this is said to have been there from the start."""


def onset(signal: Floats) -> int:
    """Return the row at which a change most likely began; 0 if the whole window is as likely.

    The signal has mean 0 and standard deviation 1 before the change and another mean after it, so the log-likelihood gained
    by a change at row t is (sum of the signal from t on)^2 / (2 rows). A later row than the first must gain log(m) more,
    or chance would always find one, and leave `BEFORE` rows before it, or a stray image at the start would date the drift.

    Args:
        signal: departures in order of time, float [m], m >= 1.
    """
    lengths = np.arange(len(signal), 0, -1)
    gain = np.cumsum(signal[::-1])[::-1] ** 2 / (2 * lengths)
    best = int(gain.argmax())
    return best if best >= BEFORE and gain[best] - gain[0] > np.log(len(signal)) else 0
