"""A claim about the figures of a text survives a copy-edit, and falls when a figure changes."""

import pytest
from claims import figures_in, states

TEXT = """
In 4 of 14 the ones see nothing, and $7 - 2 = 5$.

- Twelve numbers make 1,497 columns of `conv2d`: see [lesson 05](05_pooling.ipynb).
- The error is 1e-5, the share $\\tfrac12$.
"""


def test_figures_are_read_in_digits_and_in_words_and_names_hold_none():
    assert figures_in("minus −3, 1,497 and 2.5, twice, in conv2d, dw_2 and [lesson](05_x.ipynb)") == [-3, 1497, 2.5, 2]
    assert figures_in("$n + 2p - 3$ of 1e-5 and $\\tfrac12$") == [2, -3, 1e-5, 1, 2]
    assert figures_in("- 4 is no minus four at the start of a list") == [4, 4]


def test_a_claim_holds_in_other_words():
    for text in (
        TEXT,
        TEXT.replace("In 4 of 14 the ones see nothing", "Checks with ones are blind in four cases out of 14"),
    ):
        states(text, 4, 14, about="ones")
        states(text, 7, -2, 5)
        states(text, 12, 1497, 5, 1e-5, 1, 2, about="conv2d")


@pytest.mark.parametrize(
    "old, new", [("4 of", "5 of"), ("14", "15"), ("- 2", "+ 2"), ("- 2", "- 3"), ("ones", "zeros")]
)
def test_a_wrong_figure_or_sign_or_term_breaks_its_claim(old, new):
    with pytest.raises(AssertionError, match="0 places"):
        states(TEXT.replace(old, new, 1), 4, 14, 7, -2, 5, about="ones")


def test_a_claim_that_two_places_would_meet_is_refused():
    with pytest.raises(AssertionError, match="2 places"):
        states(TEXT + "\nAgain 4 of 14.\n", 4, 14)


def test_a_claim_without_a_figure_is_refused():
    with pytest.raises(AssertionError, match="without a figure"):
        states(TEXT, about="ones")
