"""CSV text: what a spreadsheet would run as a formula is text, and numbers are numbers."""

import csv
import io

import pytest

from search.records.csv_text import csv_text, plain_cell


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "=cmd|' /C calc'!A0",
        '=HYPERLINK("x")',
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "-",
        "--1",
        "+",
        "-1_000",
        "+1 ",
        "-no",
        "+infinity",
        "-1,2,3",
        "＝1",
        "-１",
    ],
)
def test_text_that_begins_a_formula_gets_an_apostrophe(text):
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "cell", ["-1.5", "+2", "-1,5", "-2e-07", "-inf", "-nan", "0.3", "", "yes", "a=b", "1-2", -1.5, -2, None, True]
)
def test_numbers_and_other_text_stay_as_they_are(cell):
    assert plain_cell(cell) is cell


def test_header_and_cells_are_guarded_and_the_rest_is_csv():
    text = csv_text(["=a", "b;c"], [[-0.5, '=x,"y"'], [None, "plain\nlines"]])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["'=a", "b;c"],
        ["-0.5", '\'=x,"y"'],
        ["", "plain\nlines"],
    ]
    assert text.startswith("'=a,b;c\n-0.5,")
