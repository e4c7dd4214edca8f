"""The times of many events at once. `schemas.times` defines what a time is; this reads nearly all of them faster."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.times import PATTERN, is_time, milliseconds

_UTC_NS = pa.timestamp("ns", tz="UTC")
# What Arrow reads, if the day exists: without a leap second, and with as many digits as it has. It would read more
# than that (no T, no seconds), so this pattern comes first; years outside of 1678 to 2261 it refuses by itself.
_USUAL = r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.]\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$"
_NEAR = r"^(1[789]|20|21)"


def read_times(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(int64[n] ms since 1970 UTC, bool[n] which are no times), of texts without nulls."""
    usual = pc.match_substring_regex(texts, _USUAL).to_numpy(zero_copy_only=False)
    if usual.all():
        try:
            return _in_bulk(texts), ~usual
        except pa.ArrowInvalid:
            pass  # a day that does not exist, or a year far away
    usual &= pc.match_substring_regex(texts, PATTERN).to_numpy(zero_copy_only=False)
    usual &= pc.match_substring_regex(texts, _NEAR).to_numpy(zero_copy_only=False)
    usual &= ~pc.match_substring_regex(texts, r"^17[0-7]").to_numpy(zero_copy_only=False)
    result, bad = np.zeros(len(texts), np.int64), ~usual
    at = np.flatnonzero(usual)
    result[at] = _in_bulk(texts.take(pa.array(at)))
    for i in np.flatnonzero(~usual).tolist():
        text = _text(texts[i])
        if is_time(text):
            result[i], bad[i] = milliseconds(text), False
    return result, bad


def _in_bulk(texts: pa.Array) -> np.ndarray:
    return texts.cast(_UTC_NS).cast(pa.int64()).to_numpy() // 1_000_000


def _text(scalar: pa.StringScalar) -> str:
    try:
        return str(scalar.as_py())
    except UnicodeDecodeError:
        return ""
