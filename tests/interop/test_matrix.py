# SPDX-License-Identifier: BSD-3-Clause
"""The interop matrix of matrix.py, one test a row.

    16 x wireguard-go === gw === 16 x Linux (guest)
                          |
                         lan
"""

import pytest

import matrix

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def done(lab, vm):
    made = matrix.Matrix(lab, vm)
    rows = made.run()
    print(matrix.table(rows))
    yield {r.name: r for r in rows}
    assert made.gateway.stop() == 0


@pytest.mark.parametrize("name", [r.name for r in matrix.rows()])
def test_row(done, name):
    assert done[name].wrong == []


def test_matrix_is_whole(done):
    assert len(done) == 32
