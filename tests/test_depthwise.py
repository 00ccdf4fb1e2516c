"""A depthwise convolution: its own products are right where they are cut into blocks, and as fast as was promised."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import report

from course_lib import functional as F
from course_lib._support import depthwise


def dense(w, groups):
    """w (C, 1, kH, kW) -> the same as a weight of one group (C, C, kH, kW): zeros but for each channel's own."""
    full = np.zeros((len(w), groups, *w.shape[2:]))
    full[np.arange(len(w)), np.arange(groups)] = w[:, 0]
    return full


@pytest.mark.parametrize("stride", [1, 2, (3, 1)])
@pytest.mark.parametrize("dilation", [1, (1, 2), (2, 3)])
def test_each_channel_is_a_convolution_of_its_own_also_where_rows_are_cut(stride, dilation, monkeypatch):
    monkeypatch.setattr(depthwise, "_TILE", 4)
    monkeypatch.setattr(depthwise, "_CACHED", 2**12)  # not all channels fit
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape) for shape in ((2, 5, 9, 14), (5, 1, 3, 2), (5,)))
    geometry = {"stride": stride, "padding": (2, 1), "dilation": dilation}
    y = F.conv2d(x, w, b, **geometry, groups=5)
    np.testing.assert_allclose(y, F.conv2d(x, dense(w, 5), b, **geometry), atol=1e-12)
    dy = rng.standard_normal(y.shape)
    dx, dw, db = F.conv2d_backward(dy, x, w, **geometry, groups=5)
    dx_dense, dw_dense, db_dense = F.conv2d_backward(dy, x, dense(w, 5), **geometry)
    np.testing.assert_allclose(dx, dx_dense, atol=1e-12)
    np.testing.assert_allclose(dw[:, 0], dw_dense[np.arange(5), np.arange(5)], atol=1e-12)
    np.testing.assert_allclose(db, db_dense, atol=1e-12)


@pytest.mark.course
def test_it_takes_at_most_four_times_as_long_as_pytorchs_own():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    script = Path(__file__).parent / "benchmark" / "depthwise.py"
    printed = subprocess.run([sys.executable, script], check=True, capture_output=True, encoding="utf-8").stdout
    head, *rows = report.read_table(printed)
    assert len(rows) == 4
    assert all(float(row[head.index("course / PyTorch")]) <= 4 for row in rows), printed
