"""Products, convolutions and pools on the simulator of cards, held against what they give op by op.

The simulator has to be asked for before Numba is imported: `test_cuda.py` runs this in a process of its own.
"""

import pytest
from grid_products import PRODUCTS
from grids import eager, planned, simulated
from test_compiled_table import same

from nbtape.compile.card.actions import Launch

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name):
    f, *values = PRODUCTS[name]
    for wanted, found in zip(eager(f, values), simulated(f, values, lanes=4, most=2), strict=True):
        same(wanted, found, name, rounding=100)


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_card_does_all_of_them(name):
    f, *values = PRODUCTS[name]
    assert {type(action) for action in planned(f, values).actions} == {Launch}
