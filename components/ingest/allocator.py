"""Keep freed memory in the process: an image's arrays come and go thousands of times.

glibc gives large blocks back to the system at every free and gets them anew, zeroed page by page; on images of 500 x 500 that took
longer than the arithmetic (3.5 ms against 1.3 ms for the image properties). What is kept is bounded by the largest image.
"""

import ctypes
import functools

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_KEPT = 1 << 30


@functools.cache
def keep_freed_memory() -> bool:
    """Tell this process's allocator to keep freed blocks; return whether it is one that can (glibc)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    settings = ((_M_MMAP_THRESHOLD, _KEPT // 4), (_M_TRIM_THRESHOLD, _KEPT), (_M_TOP_PAD, _KEPT // 16))
    taken = [mallopt(name, value) == 1 for name, value in settings]
    return all(taken)
