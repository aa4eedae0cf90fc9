from __future__ import annotations

import numpy as np
import pytest

from search.data import notes_on_columns

TABLE = """\
age,city,width,label
31,Bonn,1e5,yes
44,Köln,-2.5,no
,Bonn,0.5,yes
28,Bonn,1,no
"""
FILL = 'Drop or fill this row, or set data.missing to "indicate" or "impute".'
COMPLETE = TABLE.replace("\n,Bonn", "\n19,Bonn")


@pytest.fixture
def table(tmp_path, read):
    def table(text, /, **keys):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "t.csv").write_bytes(content)
        return read(source="csv", path="t.csv", **{"target": "label", **keys})

    return table


@pytest.fixture
def refused(tmp_path, refusal):
    def refused(text, /, **keys):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "t.csv").write_bytes(content)
        return refusal(source="csv", path="t.csv", **{"target": "label", **keys})

    return refused


def rows(*labels):
    return "a,label\n" + "".join(f"{number},{label}\n" for number, label in enumerate(labels))


def test_columns_are_numbers_or_text_and_text_labels_are_sorted_classes(table):
    dataset = table(COMPLETE)
    assert list(dataset.features.columns) == ["age", "city", "width"]
    assert [str(dtype) for dtype in dataset.features.dtypes] == ["float64", "object", "float64"]
    assert dataset.features["width"].tolist() == [1e5, -2.5, 0.5, 1.0]
    assert dataset.features["city"].tolist() == ["Bonn", "Köln", "Bonn", "Bonn"]
    assert dataset.target.tolist() == [1, 0, 1, 0]
    assert dataset.target.dtype == np.int64
    assert (dataset.task, dataset.classes, dataset.standardize) == ("binary", ("no", "yes"), True)
    assert dataset.notes == ()


@pytest.mark.parametrize(
    "variant",
    [
        COMPLETE.replace("\n", "\r\n"),
        "\ufeff" + COMPLETE,
        COMPLETE.rstrip("\n"),
        COMPLETE.replace("\n", "\n\n"),
        COMPLETE.replace(",", " , "),
        COMPLETE.replace("Köln", '"Köln"'),
    ],
    ids=["crlf", "bom", "no last newline", "blank lines", "blanks around cells", "quotes"],
)
def test_ways_to_write_the_same_table_give_the_same_fingerprint(table, variant):
    assert table(variant).sha256 == table(COMPLETE).sha256


def test_quoted_cells_may_hold_commas_and_line_breaks(table, refused):
    text = 'a,note,label\n1,"x, y",p\n2,"two\nlines",q\n3,z,p\n4,z,q\n'
    assert table(text).features["note"].tolist() == ["x, y", "two\nlines", "z", "z"]
    assert refused(text.replace("4,", ","), missing="error") == [
        't.csv:6, column "a": expected a number, received an empty cell. ' + FILL
    ]


def test_task_is_told_from_the_target(table):
    assert table(rows(*"abcabc")).classes == ("a", "b", "c")
    assert table(rows(0, 1, 1, 0)).classes == ("0", "1")
    assert table(rows(*[1, 2, 3] * 5)).task == "multiclass"
    assert table(rows(*[1.0, 2.0] * 5)).classes == ("1", "2")
    assert table(rows(1.5, 2.5, 1.5, 2.5)).task == "regression"
    assert table(rows(*range(30))).task == "regression"


def test_a_guess_at_the_task_is_noted_and_the_study_file_overrides_it(table):
    text = rows(*[1, 2, 3] * 5)
    assert table(text).notes == (
        'The target "label" holds 3 different whole numbers and is taken for classes; '
        'set task = "regression" if it is a quantity.',
    )
    assert table(text, task="classification").notes == ()
    dataset = table(text, task="regression")
    assert (dataset.task, dataset.classes, dataset.target.dtype) == ("regression", (), np.float64)
    assert table(rows(*[1.5, 2.5] * 2), task="classification").classes == ("1.5", "2.5")


def test_labels_may_mix_numbers_and_text_when_the_task_is_classification(table):
    assert table(rows(1, "A", 1, "A"), task="classification").classes == ("1", "A")


def test_several_targets_are_regression_only(table, refused):
    text = "a,b,c\n1,2,3\n4,5,6\n7,8,9.5\n"
    dataset = table(text, target=("c", "a"))
    assert dataset.target.tolist() == [[3.0, 1.0], [6.0, 4.0], [9.5, 7.0]]
    assert list(dataset.features.columns) == ["b"]
    assert refused(text, target=("c", "a"), task="classification") == [
        '[data]: expected a single target column for classification, or one-hot columns, received "c", "a". '
        "Several class targets are not available yet."
    ]
    mixed = text.replace("3\n", "x\n").replace("6\n", "x\n").replace("9.5", "y")
    assert refused(mixed, target=("c", "a"))[0].startswith("[data]: expected a single target column")
    assert refused(mixed, target=("c", "a"), task="regression") == [
        '[data]: expected targets of numbers, received text in "c".'
    ]


def test_one_hot_columns_are_classes_where_the_study_says_so(table):
    text = "a,red,blue,green\n1,1,0,0\n2,0,1,0\n3,0,0,1\n4,1,0,0\n5,0,1,0\n6,0,0,1\n"
    targets = ("red", "blue", "green")
    quantities = table(text, target=targets)
    assert quantities.task == "regression"
    assert quantities.notes == (
        "Each row of the targets holds a single 1, and they are taken for quantities; "
        'set task = "classification" if they are classes.',
    )
    assert table(text, target=targets, task="regression").notes == ()
    dataset = table(text, target=targets, task="classification")
    assert (dataset.task, dataset.classes) == ("multiclass", ("blue", "green", "red"))
    assert [dataset.classes[index] for index in dataset.target] == ["red", "blue", "green"] * 2
    assert dataset.notes[0] == (
        'The targets "red", "blue", "green" are taken for 3 classes: each row has a single 1 among them.'
    )


def test_missing_cells_are_named_by_line_and_column_where_there_are_to_be_none(refused):
    assert refused(TABLE, missing="error") == [
        't.csv:4, column "age": expected a number, received an empty cell. ' + FILL
    ]
    assert refused(COMPLETE.replace("Köln", "NA"), missing="error") == [
        't.csv:3, column "city": expected text, received "NA". ' + FILL
    ]
    broken = COMPLETE.replace("0.5", "-inf").replace("1e5", "1e400").replace("28", "nan")
    assert refused(broken, missing="error") == [
        't.csv:5, column "age": expected a number, received "nan". ' + FILL,
        't.csv:2, column "width": expected a finite number, received "1e400". Drop or fill this row.',
        't.csv:4, column "width": expected a finite number, received "-inf". Drop or fill this row.',
    ]


def test_missing_cells_are_read_as_such_with_a_note(table):
    dataset = table(TABLE.replace("Köln", "NA"))
    assert dataset.features["age"].isna().tolist() == [False, False, True, False]
    assert dataset.features["city"].tolist() == ["Bonn", None, "Bonn", "Bonn"]
    assert dataset.has_gaps
    assert notes_on_columns(dataset) == (
        'Missing cells, 1 in "age", 1 in "city", become the median or the most frequent category of the rows that '
        "train; an input beside each column says where.",
    )
    assert notes_on_columns(table(TABLE, missing="impute")) == (
        'Missing cells, 1 in "age", become the median or the most frequent category of the rows that train.',
    )
    assert not table(COMPLETE).has_gaps


def test_text_that_stands_for_a_missing_cell_may_be_named(table, refused):
    text = COMPLETE.replace("44", "?").replace("Köln", "unknown").replace("19", "-99")
    assert refused(text) == [
        't.csv:3, column "age": expected a number as in 3 other rows, received "?". '
        'Set data.na_values = ["?"] if that stands for a missing cell.'
    ]
    features = table(text, na_values=("?", "unknown", "-99")).features
    assert features["age"].isna().tolist() == [False, True, True, False]
    assert features["city"].tolist() == ["Bonn", None, "Bonn", "Bonn"]


def test_missing_targets_are_refused(refused):
    assert refused(COMPLETE.replace("0.5,yes", "0.5,")) == [
        't.csv:4, column "label": expected text, received an empty cell. Drop or fill this row.'
    ]


def test_column_without_any_value_is_left_out(table, refused):
    text = "a,b,label\n1,,x\n2,,y\n3,NA,x\n4,,y\n"
    dataset = table(text)
    assert list(dataset.features.columns) == ["a"]
    assert dataset.notes == ('Columns without any value are left out: "b".',)
    assert refused(text, columns=("b",)) == [
        '[data]: expected a column of "t.csv" with values, received empty ones only.'
    ]


DATED = "day,label\n{},x\n{},y\n{},x\n,y\n"


@pytest.mark.parametrize(
    ("cells", "date_format"),
    [
        (("2024-10-08", "2023-01-31", "2024-02-29"), "ISO8601"),
        (("2024-10-08 06:30", "2023-01-31T00:00:00", "2024-02-29"), "ISO8601"),
        (("08.10.2024", "31.01.2023", "29.02.2024"), "%d.%m.%Y"),
        (("08/10/2024", "31/01/2023", "29/02/2024"), "%d/%m/%Y"),
        (("10/08/2024", "01/31/2023", "02/29/2024"), "%m/%d/%Y"),
        (("08 Oct 2024", "31 Jan 2023", "29 Feb 2024"), "%d %b %Y"),
        (("08-Oct-24", "31-Jan-23", "29-Feb-24"), "%d-%b-%y"),
        (("8.10.24", "31.1.23", "29.2.24"), "%d.%m.%y"),
        (("10/08/2024 1:05 PM", "01/31/2023 12:00 AM", "02/29/2024 11:59 pm"), "%m/%d/%Y %I:%M %p"),
        (("2024-10-08 06:30:00 UTC", "2023-01-31 00:00:00 UTC", "2024-02-29 10:00:00 UTC"), "%Y-%m-%d %H:%M:%S UTC"),
        (("2024/10/08", "2023/01/31", "2024/02/29"), "ISO8601"),
    ],
)
def test_dates_are_read_in_the_one_format_that_fits(table, cells, date_format):
    dataset = table(DATED.format(*cells), dates=("day",))
    assert dataset.features["day"].dt.strftime("%Y-%m-%d").tolist()[:3] == ["2024-10-08", "2023-01-31", "2024-02-29"]
    assert dataset.features["day"].isna().tolist() == [False, False, False, True]
    assert dataset.options.date_formats == {"day": date_format}


def test_dates_that_can_be_read_in_two_ways_are_refused_until_one_is_named(table, refused):
    text = DATED.format("01/02/2024", "03/04/2024", "05/06/2023")
    assert refused(text, dates=("day",)) == [
        't.csv, column "day": expected dates that can be read in one way, received such as "01/02/2024". '
        'Set data.dates = { "day" = "%d/%m/%Y" } or data.dates = { "day" = "%m/%d/%Y" }.'
    ]
    read = table(text, dates={"day": "%m/%d/%Y"}).features["day"]
    assert read.dt.strftime("%Y-%m-%d").tolist()[:3] == ["2024-01-02", "2024-03-04", "2023-05-06"]


def test_cells_that_are_no_dates_are_named(refused):
    assert refused(DATED.format("2024-10-08", "soon", "2024-02-29"), dates=("day",)) == [
        't.csv:3, column "day": expected a date as in 2024-12-31, received "soon". Correct the cell, or leave it empty.'
    ]
    assert refused(DATED.format("u", "v", "w"), dates=("day",)) == [
        't.csv, column "day": expected dates, all in one format, received "u". '
        'Name their format, as in data.dates = { "day" = "%d/%m/%Y" }.'
    ]
    assert refused(DATED.format("u", "v", "w"), dates=("dya",)) == [
        '[data]: expected dates to name columns of "t.csv", received "dya". Did you mean "day"?'
    ]


def test_text_that_looks_like_dates_is_noted(table):
    assert notes_on_columns(table(DATED.format("2024-10-08", "2023-01-31", "2024-02-29")))[0] == (
        'Text column "day" looks like dates, and each becomes an input of its own: set dates = ["day"].'
    )


def test_file_in_another_encoding_is_read_when_it_is_named(table, refused):
    assert table(COMPLETE.encode("cp1252"), encoding="cp1252").sha256 == table(COMPLETE).sha256
    assert table(COMPLETE.encode("utf-16")).sha256 == table(COMPLETE).sha256
    assert refused(COMPLETE, encoding="latni") == [
        '[data]: expected the name of an encoding, received "latni". Write encoding = "utf-8" or "cp1252", for example.'
    ]


def test_numbers_that_float32_cannot_hold_are_refused(refused):
    assert refused(COMPLETE.replace("1e5", "1e39")) == [
        't.csv:2, column "width": expected a number that float32 can hold, received "1e39". Scale the column.'
    ]


def test_an_error_about_a_cell_stays_on_one_line(refused):
    assert refused('"a\nb",label\n1,x\n"two\n\x1b[31mred",y\n3,x\n') == [
        't.csv:4, column "a\\nb": expected a number as in 2 other rows, received "two\\n\\u001b[31mred". '
        "A column holds numbers or text, not both."
    ]


def test_many_like_problems_are_counted(refused):
    assert refused("a,label\n" + ",x\n" * 9 + "1,y\n", missing="error") == [
        *(f't.csv:{line}, column "a": expected a number, received an empty cell. {FILL}' for line in (2, 3, 4)),
        't.csv, column "a": and 6 more cells like it, the last in line 10.',
    ]


def test_many_columns_with_problems_end_in_a_count(refused):
    header = ",".join(f"c{number}" for number in range(30))
    lines = refused(f"{header},label\n{',' * 30}x\n{'1,' * 30}y\n", missing="error")
    assert len(lines) == 21
    assert lines[-1] == 't.csv:2, column "c20": and 10 more problems from here on.'


def test_a_number_that_is_mistyped_is_named(refused):
    numbers = "a,label\n" + "".join(f"{number},{'xy'[number % 2]}\n" for number in range(30))
    assert refused(numbers.replace("\n2,", "\n2 km,").replace("\n3,", "\nthree,")) == [
        't.csv:4, column "a": expected a number as in 28 other rows, received "2 km" (and 1 more row like it). '
        'Set data.na_values = ["2 km", "three"] if these stand for missing cells.'
    ]
    words = numbers.replace("\n2,", "\ntwo and not three,").replace("\n3,", "\nthree and not two,")
    assert refused(words) == [
        't.csv:4, column "a": expected a number as in 28 other rows, received "two and not three" '
        "(and 1 more row like it). A column holds numbers or text, not both."
    ]
    ratings = "a,label\n" + "".join(f"{number % 5},{'xy'[number % 2]}\n" for number in range(60))
    assert refused(ratings.replace("\n4,", "\n4!,", 1))[0].startswith(
        't.csv:6, column "a": expected a number as in 59 other rows, received "4!".'
    )


@pytest.mark.parametrize(
    "cells",
    [
        ["u", "v", "7", "w"],  # names
        ["1", "2", "A", "07", "A"],  # codes
        [*map(str, range(60)), *(f"A/{number}" for number in range(6))],  # tickets
        ["V57", "250.8", "V58", "V59", "E1", "E2", "?", *map(str, range(40))],  # codes that may be missing
    ],
)
def test_numbers_beside_text_are_text_with_a_note(table, cells):
    text = "a,b,label\n" + "".join(f"{cell},{row},{'xy'[row % 2]}\n" for row, cell in enumerate(cells))
    dataset = table(text)
    assert dataset.features["a"].tolist() == cells
    assert dataset.notes[0] == 'Columns of numbers and text are taken for text: "a".'


def test_labels_that_are_numbers_and_text_are_classes(table, refused):
    text = "a,label\n" + "".join(f"{row},{(1, 2, 'none of both')[row % 3]}\n" for row in range(30))
    dataset = table(text)
    assert (dataset.classes, dataset.notes) == (
        ("1", "2", "none of both"),
        ('Columns of numbers and text are taken for text: "label".',),
    )
    assert table(text, task="classification").notes == ()
    assert refused(text, task="regression")[0].startswith(
        't.csv:4, column "label": expected a number as in 20 other rows, received "none of both" (and 9 more rows'
    )
    # Cells of a target are never missing, and no class is guessed from what marks such cells.
    assert refused(text.replace("none of both", "?"))[0].startswith('t.csv:4, column "label": expected a number')


def test_numbers_are_categories_where_the_study_encodes_them_by_the_target(table):
    text = "zip,a,label\n" + "".join(f"0{row % 7},{row},{'xy'[row % 2]}\n" for row in range(30))
    assert table(text).features["zip"].dtype == float
    dataset = table(text, target_encode=("zip",))
    assert dataset.features["zip"].tolist()[:2] == ["00", "01"]
    assert dataset.notes == ()


def test_numbers_with_a_decimal_comma_are_not_categories(refused):
    assert refused('a,label\n"1,5",x\n"2,5",y\n') == [
        't.csv:2, column "a": expected a decimal point, received "1,5". '
        'Set data.decimal = "," if the comma is a decimal mark; write 1000 for 1,000.',
        't.csv:3, column "a": expected a decimal point, received "2,5". '
        'Set data.decimal = "," if the comma is a decimal mark; write 1000 for 1,000.',
    ]


def test_ragged_lines_are_named(refused):
    assert refused("a,b,label\n1,2,x\n1,2\n\n1,2,3,x\n1,2,y\n") == [
        "t.csv:3: expected 3 fields, received 2.",
        "t.csv:5: expected 3 fields, received 4.",
    ]
    assert refused("a,b,label\n" + "1,2\n" * 5)[-1] == "t.csv: and 2 more lines with another number of fields."


def test_header_problems_come_together(refused):
    assert refused(",a,a,label\n1,2,3,x\n1,2,x\n1,2,3,x\n") == [
        "t.csv:3: expected 4 fields, received 3.",
        "t.csv:1: expected a name for every column, received an empty one in field 1. "
        "Name it, or save the table without its index column.",
        't.csv:1: expected different column names, received "a" repeatedly.',
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", '[data]: expected a header line and rows in "t.csv", received an empty file.'),
        ("\n\n", '[data]: expected a header line and rows in "t.csv", received an empty file.'),
        ("a,label\n", '[data]: expected rows below the header of "t.csv", received a header only.'),
        ("label\nx\ny\n", '[data]: expected feature columns beside the target in "t.csv", received none.'),
        (
            b"a,label\n1,x\n2,K\xf6ln\n",
            "t.csv:3: expected text in UTF-8, received byte 0xf6. "
            'Save the file as UTF-8, or name its encoding, as in data.encoding = "cp1252".',
        ),
        (b"a,label\n1,x\n2,\0\n", "t.csv:3: expected text in UTF-8, received a zero byte."),
        ('a,label\n1,"x\n2,y\n', "t.csv:2: expected well-formed CSV, received: unexpected end of data."),
        (rows(*"xxx"), '[data]: expected at least 2 classes, received only "x".'),
        (
            rows(*"xxyyz"),
            '[data]: expected at least 2 rows of every class, received a single row of "z". '
            "Drop or merge these classes.",
        ),
        (rows(2.5, 2.5), "[data]: expected at least 2 different targets, received only 2.5."),
        ("a,label\n1,2.5\n", "[data]: expected at least 2 rows, received 1."),
    ],
)
def test_unusable_files_are_refused(refused, text, line):
    assert refused(text) == [line]


def test_an_unknown_target_names_the_nearest_column(refused):
    place = '[data]: expected target to name a column of "t.csv", received '
    assert refused(COMPLETE, target="lable") == [f'{place}"lable". Did you mean "label"?']
    assert refused(COMPLETE, target=None) == [f'{place}none. Its columns are "age", "city", "width", "label".']
    assert refused(COMPLETE, target=("agee", "xxx")) == [
        f'{place}"agee". Did you mean "age"?',
        f'{place}"xxx". Known are "age", "city", "width", "label".',
    ]
    assert refused(COMPLETE.replace(",", ";"), separator=",") == [
        f'{place}"label". The file is separated by semicolons: set data.separator = ";".'
    ]
    assert refused("1,2\n3,4\n") == [f'{place}"label". The first line holds numbers; add a header line.']


def test_text_labels_are_no_quantity(refused):
    assert refused(COMPLETE, task="regression") == [
        '[data]: expected a target of numbers for regression, received "yes". '
        'Set task = "classification" if the target names classes.'
    ]


def test_paths_that_are_no_file_are_refused(tmp_path, refusal):
    (tmp_path / "data.csv").write_text("a,b\n")
    (tmp_path / "folder.csv").mkdir()
    place = "[data]: expected path to name a file, received "
    assert refusal(source="csv", target="b") == [f"{place}none."]
    assert refusal(source="csv", path="dat.csv", target="b") == [
        f'{place}"dat.csv": no such file. Did you mean "data.csv"?'
    ]
    assert refusal(source="csv", path="folder.csv", target="b")[0].startswith(f'{place}"folder.csv": a directory.')
    assert refusal(source="csv", path="x" * 300, target="b")[0].endswith(
        "A path is relative to the study file's folder."
    )


def test_constant_columns_and_identifiers_are_noted(table):
    text = "id,one,label\n" + "".join(f"n{number},1,{'xy'[number % 2]}\n" for number in range(30))
    assert notes_on_columns(table(text)) == (
        'Text column "id" has 30 different values in 30 rows: it becomes up to 30 one-hot inputs.',
    )
    assert table(text).notes == ('1 of 2 features never change: "one".',)


def test_columns_may_be_chosen_and_dropped(table, refused):
    assert list(table(COMPLETE, drop=("city",)).features.columns) == ["age", "width"]
    assert list(
        table(
            COMPLETE,
            columns=(
                "width",
                "age",
            ),
        ).features.columns
    ) == ["width", "age"]
    assert list(
        table(
            COMPLETE,
            columns=(
                "width",
                "age",
            ),
            drop=("age",),
        ).features.columns
    ) == ["width"]
    assert (
        table(COMPLETE, drop=("city",)).sha256
        == table(
            COMPLETE,
            columns=(
                "age",
                "width",
            ),
        ).sha256
    )
    assert refused(
        COMPLETE,
        drop=(
            "ctiy",
            "label",
        ),
    ) == [
        '[data]: expected drop to name columns of "t.csv", received "ctiy". Did you mean "city"?',
        '[data]: expected drop without the target, received "label".',
    ]
    assert refused(
        COMPLETE,
        drop=(
            "city",
            "age",
            "width",
        ),
    ) == ['[data]: expected a column of "t.csv" to learn from, received none.']


def test_cells_of_a_column_that_is_dropped_may_be_missing(table):
    assert list(table(TABLE, drop=("age",)).features.columns) == ["city", "width"]


@pytest.mark.parametrize(("mark", "called"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_file_that_is_separated_otherwise_is_read_with_a_note(table, mark, called):
    dataset = table(COMPLETE.replace(",", mark))
    assert dataset.sha256 == table(COMPLETE).sha256
    assert dataset.notes == (f'"t.csv" is separated by {called}.',)
    assert table(COMPLETE.replace(",", mark), separator=mark).notes == ()


def test_decimal_commas_are_read_where_commas_separate_nothing(table):
    text = "a;b;label\n1,5;3;x\n-2,25;4,0;y\n,5;1;x\n2e1;2,5;y\n"
    dataset = table(text)
    assert dataset.features["a"].tolist() == [1.5, -2.25, 0.5, 20.0]
    assert dataset.features["b"].tolist() == [3.0, 4.0, 1.0, 2.5]
    assert dataset.notes == ('"t.csv" is separated by semicolons.', 'Decimal commas were read in "a", "b".')
    given = table(text, separator=";", decimal=",")
    assert (given.sha256, given.notes) == (dataset.sha256, ())


def test_decimal_commas_in_quotes_are_read_when_the_study_says_so(table):
    assert table('a,label\n"1,5",x\n"2,5",y\n3,x\n4,y\n', decimal=",").features["a"].tolist() == [1.5, 2.5, 3.0, 4.0]


def test_index_that_pandas_wrote_is_left_out_with_a_note(table, tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5], "label": list("xyxy")})
    frame.to_csv(tmp_path / "pandas.csv")
    dataset = table((tmp_path / "pandas.csv").read_text())
    assert list(dataset.features.columns) == ["a"]
    assert dataset.notes == (
        "The first column has no name and numbers the rows, as pandas writes its index: it is left out.",
    )
    assert dataset.sha256 == table(frame.to_csv(index=False)).sha256


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["7", "3", "5", "4"], "numbers"),  # of a sample
        (["0", "1", "0", "1"], "numbers"),  # of two tables, one below the other
        (["Fiat 128", "Mazda RX4", "Merc 230", "Volvo 142E"], "names"),
        (["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"], "names"),
    ],
)
def test_index_of_any_kind_is_left_out(table, cells, told):
    text = ",a,label\n" + "".join(f"{cell},{row},{'xy'[row % 2]}\n" for row, cell in enumerate(cells))
    dataset = table(text)
    assert list(dataset.features.columns) == ["a"]
    assert dataset.notes == (
        f"The first column has no name and {told} the rows, as pandas writes its index: it is left out.",
    )


@pytest.mark.parametrize("cells", [["red", "red"], ["0", "0"], ["1", "1"], ["", "red"], ["1.5", "2.5"]])
def test_first_column_without_a_name_that_holds_something_else_is_refused(refused, cells):
    (sentence,) = refused(",a,label\n" + "".join(f"{cell},{row},x\n" for row, cell in enumerate(cells)))
    assert sentence.startswith("t.csv:1: expected a name for every column, received an empty one in field 1.")


@pytest.mark.parametrize(
    ("cells", "example"),
    [
        (["$1,234.50", "$7.00", "$12.30"], "$1,234.50"),
        (["12%", "3.5%", "7 %"], "12%"),
        (["1,234", "588", "1,234,567"], "1,234"),
        (["1.234,50 €", "7,00 €", "0,5 €"], "0,5 €"),
    ],
)
def test_numbers_with_marks_are_noted(table, cells, example):
    lines = [f'"{cells[row % 3]}",{row},{"xy"[row % 2]}' for row in range(6)]
    assert notes_on_columns(table("\n".join(["a,b,label", *lines])))[-1] == (
        f'Text column "a" holds numbers with marks, such as "{example}", and each becomes an input of its own: '
        "write plain numbers."
    )


def test_dates_are_not_encoded_by_the_target(refused):
    text = DATED.format("2024-10-08", "2023-01-31", "2024-02-29")
    assert refused(text, dates=("day",), target_encode=("day",)) == [
        '[data]: expected target_encode to name columns of text, received "day". '
        "Give them as text; dates cannot be encoded so."
    ]


def test_notes_on_many_columns_of_text_end_in_a_count(table):
    header = ",".join(f"c{position}" for position in range(20))
    lines = [",".join(["u", "v", "w", "x"][row // 3] for _ in range(20)) for row in range(10)]
    text = "\n".join([f"{header},label", *(f"{line},{'xy'[row % 2]}" for row, line in enumerate(lines))])
    notes = notes_on_columns(table(text, min_frequency=2))
    assert notes[0] == 'Text column "c0": 1 of 4 values are rare and one together.'
    assert len(notes) == 8
    assert notes[-1] == "Of 13 more columns of text such things could be said."


CODES = "city,label\n" + "".join(
    f"{code},{'xy'[row % 2]}\n" for row, code in enumerate(["01067", "10115", "04109"] * 4)
)


def test_numbers_that_begin_with_zero_are_noted_and_stay_text_where_the_study_says_so(table):
    as_numbers = table(CODES)
    assert as_numbers.features["city"].tolist()[:3] == [1067, 10115, 4109]
    assert as_numbers.notes == (
        'Column "city": 8 of 12 cells begin with 0, as "01067" does, and are read as numbers: if they are codes, set '
        'data.text = ["city"].',
    )
    as_text = table(CODES, text=("city",))
    assert as_text.features["city"].tolist()[:3] == ["01067", "10115", "04109"]
    assert as_text.notes == ()


def test_labels_that_begin_with_zero_may_be_text_too(table):
    text = "width,label\n" + "".join(f"{row}.5,{('007', '012')[row % 2]}\n" for row in range(6))
    assert table(text).classes == ("7", "12")
    assert table(text, text=("label",)).classes == ("007", "012")


def test_text_names_columns(refused):
    assert refused(CODES, text=("cty",)) == [
        '[data]: expected text to name columns of "t.csv", received "cty". Did you mean "city"?'
    ]
