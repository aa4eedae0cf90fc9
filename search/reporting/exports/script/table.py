"""Source that makes the columns of a table what the model takes."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from search.data.columns import Dates, Gaps, Numbers, TargetEncoded, Texts
from search.data.columns.texts import RARE
from search.data.date_formats import ISO
from search.models import RowsSource, constant
from search.reporting.exports.script.known import Known
from search.reporting.exports.script.preparation import write_preparation

_CLEAN = '''\
def clean(rows):
    """Raw rows as columns of numbers, dates and text.

    Args:
        rows: A DataFrame, or a dict of columns, as the data has them; further ones are left out.
    """
'''

_STEPS = '''\
def number_steps():
    """{told}."""
    return {steps}'''

_DATE_PARTS = '''\
def days_of(dates):
    """Days since 1970-01-01; NaN where a date is missing."""
    return (dates - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)


def date_parts(table, first_days):
    """Year, month, weekday and days since the first{told} of all dates, shape (rows, parts)."""
    parts = []
    for name in DATES:
        dates, days = table[name].dt, days_of(table[name])
        parts += [dates.year, dates.month, dates.day_of_week, np.floor(days) - first_days[name]]
{timed}    return np.column_stack(parts).astype("float64")'''

_TIMED = """\
        if name in WITH_TIMES:
            parts.append(days % 1 * 24)
"""

_POOLED = '''\
def pooled(name, cells):
    """Categories, with those that are rare, and unknown ones, as one."""
    if RARE not in CATEGORIES[name]:
        return cells
    return cells.where(cells.isin(CATEGORIES[name]) | cells.isna(), RARE)'''

_ONE_HOT = '''\
def _one_hot(self, table, name):
    """1 for the category of a cell; 0 for the others, and for those that no row that trained has."""
    cells = {cells}
    return (cells.to_numpy()[:, None] == np.array(CATEGORIES[name], object)) & self.known[name]'''


def encode_table(known: Known) -> RowsSource:
    """`clean` and `Preparation`."""
    return _Writer(known).source()


class _Writer:
    """Writes the source for the kinds of columns that a table has."""

    def __init__(self, known: Known) -> None:
        assert known.dataset is not None
        self._known = known
        self._numbers, self._dates = known.block(Numbers), known.block(Dates)
        self._means, self._texts, self._gaps = known.block(TargetEncoded), known.block(Texts), known.block(Gaps)
        self._fills = known.dataset.options.missing != "error"
        self._scales = known.dataset.standardize
        self._formats = known.dataset.options.date_formats
        self._is_pooled = self._texts is not None and self._texts.merged

    def source(self) -> RowsSource:
        """All of it."""
        functions = [self._clean()]
        if self._has_steps:
            functions.append(self._number_steps())
        if self._dates is not None:
            told, timed = (", and the hour where there are times,", _TIMED) if any(self._dates.timed) else ("", "")
            functions.append(_DATE_PARTS.format(told=told, timed=timed))
        if self._is_pooled:
            functions.append(_POOLED)
        functions.append(self._preparation())
        return RowsSource(tuple(self._imports()), tuple(self._constants()), tuple(functions))

    @property
    def _has_steps(self) -> bool:
        return bool(self._numbers or self._dates) and (self._fills or self._scales)

    def _imports(self) -> Iterator[str]:
        if self._has_steps and self._fills:
            yield "from sklearn.impute import SimpleImputer"
        if self._has_steps and self._fills and self._scales:
            yield "from sklearn.pipeline import make_pipeline"
        classes = ["StandardScaler"] if self._scales and (self._has_steps or self._means) else []
        classes += ["TargetEncoder"] if self._means else []
        if self._means is not None:
            yield f"from sklearn.model_selection import {self._folds()[0]}"
        if classes:
            yield f"from sklearn.preprocessing import {', '.join(classes)}"

    def _constants(self) -> Iterator[str]:
        if self._numbers is not None:
            yield constant("NUMBERS", list(self._numbers.names))
        if self._dates is not None:
            yield "# Columns of dates, and their formats in text."
            yield constant("DATES", {name: self._formats.get(name, ISO) for name in self._dates.names})
            if any(self._dates.timed):
                timed = zip(self._dates.names, self._dates.timed, strict=True)
                yield constant("WITH_TIMES", [name for name, has_times in timed if has_times])
        if self._means is not None:
            yield "# Columns of text that become the mean target of their rows."
            yield constant("MEANS", list(self._means.names))
        if self._texts is not None:
            yield "# Columns of text, and their categories: each is an input."
            if self._is_pooled:
                yield constant("RARE", RARE)
            pairs = zip(self._texts.names, self._texts.categories, strict=True)
            yield constant("CATEGORIES", {name: list(categories) for name, categories in pairs})
        if self._gaps is not None:
            yield "# Columns beside which an input says where cells are missing."
            yield constant("WITH_GAPS", list(self._gaps.names))

    def _clean(self) -> str:
        is_csv = self._known.is_csv
        called = "str(name).strip()" if is_csv else "str(name)"
        lines = [f"table = pd.DataFrame(rows).rename(columns=lambda name: {called})"]
        if is_csv:
            number, cells = "numbers_of(table[name])", "cells_of(table[name])"
        else:
            number, cells = 'pd.to_numeric(table[name]).astype("float64")', "table[name].astype(object)"
        lines.append("columns = {}")
        if self._numbers is not None:
            lines += ["for name in NUMBERS:", f"    columns[name] = {number}"]
        if self._dates is not None:
            read = f"pd.to_datetime({cells}, format=form, utc=True)"
            lines += ["for name, form in DATES.items():", f"    columns[name] = {read}.dt.tz_localize(None)"]
        texts = " + ".join((["MEANS"] if self._means else []) + (["list(CATEGORIES)"] if self._texts else []))
        texts = "CATEGORIES" if texts == "list(CATEGORIES)" else texts
        if texts:
            lines.append(f"for name in {texts}:")
            lines.append(f'    columns[name] = {cells}.map(str, na_action="ignore").astype(object)')
        if self._fills:
            lines.append("return pd.DataFrame(columns)")
        else:
            lines += [
                "cleaned = pd.DataFrame(columns)",
                "if cleaned.isna().any(axis=None):",
                '    raise ValueError("expected a value in every cell, received missing ones")',
                "return cleaned",
            ]
        return _CLEAN + indent("\n".join(lines), "    ")

    def _number_steps(self) -> str:
        fill = 'SimpleImputer(strategy="median", keep_empty_features=True)'
        if not self._scales:
            return _STEPS.format(told="Missing numbers become the median", steps=fill)
        if not self._fills:
            return _STEPS.format(told="Numbers get mean 0 and deviation 1", steps="StandardScaler()")
        told = "Missing numbers become the median; then all get mean 0 and deviation 1"
        return _STEPS.format(told=told, steps=f"make_pipeline({fill}, StandardScaler())")

    def _preparation(self) -> str:
        encode = f"self._encode({'table, means' if self._means else 'table'})"
        methods = [self._encode(), *([self._one_hot()] if self._texts is not None else [])]
        return write_preparation(
            self._fit(),
            encode,
            self._transform(),
            methods,
            told="; their mean targets are those of other rows" if self._means else "",
            scales_target=bool(self._known.data.scale_target),
        )

    def _fit(self) -> list[str]:
        lines = ["table = clean(rows)"]
        if self._has_steps and self._numbers is not None:
            lines.append("self.numbers = number_steps().fit(table[NUMBERS])")
        if self._dates is not None:
            lines.append("first_days = {name: np.floor(days_of(table[name]).min()) for name in DATES}")
            lines.append("self.first_days = {name: np.nan_to_num(day) for name, day in first_days.items()}")
            if self._has_steps:
                lines.append("self.dates = number_steps().fit(date_parts(table, self.first_days))")
        if self._means is not None:
            lines += self._fit_means()
        if self._texts is not None:
            lines += self._fit_texts()
        return lines

    def _fit_means(self) -> list[str]:
        kind, most = self._folds()
        target = {0: "continuous", 2: "binary"}.get(len(self._known.facts.classes), "multiclass")
        lines = [
            f"n_folds = max(2, min(5, {most}))",
            f"folds = {kind}(n_folds, shuffle=True, random_state=0)",
            f'self.means = TargetEncoder(target_type="{target}", cv=folds)',
            'means = self.means.fit_transform(table[MEANS].fillna("").to_numpy(object), y)',
        ]
        return [*lines, "self.mean_scaler = StandardScaler().fit(means)"] if self._scales else lines

    def _folds(self) -> tuple[str, str]:
        """What divides rows that train, so that none is encoded by its own target, and in how many parts at most."""
        if self._known.facts.classes:
            return "StratifiedKFold", "np.bincount(y, minlength=len(CLASSES)).min()"
        return "KFold", "len(y)"

    def _fit_texts(self) -> list[str]:
        seen = "pooled(name, table[name].dropna())" if self._is_pooled else "table[name].dropna()"
        lines = [
            "self.known = {",
            f"    name: np.isin(np.array(categories, object), {seen}.unique())",
            "    for name, categories in CATEGORIES.items()",
            "}",
        ]
        if self._fills:
            lines += ["self.most_frequent = {name: next(iter(table[name].mode()), None) for name in CATEGORIES}"]
        return lines

    def _transform(self) -> list[str]:
        if self._means is None:
            return ["return self._encode(clean(rows))"]
        return [
            "table = clean(rows)",
            'means = self.means.transform(table[MEANS].fillna("").to_numpy(object))',
            "return self._encode(table, means)",
        ]

    def _encode(self) -> str:
        parts = list[str]()
        if self._numbers is not None:
            parts.append("self.numbers.transform(table[NUMBERS])" if self._has_steps else "table[NUMBERS]")
        if self._dates is not None:
            dates = "date_parts(table, self.first_days)"
            parts.append(f"self.dates.transform({dates})" if self._has_steps else dates)
        if self._means is not None:
            parts.append("self.mean_scaler.transform(means)" if self._scales else "means")
        if self._texts is not None:
            parts.append("*(self._one_hot(table, name) for name in CATEGORIES)")
        if self._gaps is not None:
            parts.append("table[WITH_GAPS].isna()")
        listed = "".join(f"\n    {part}," for part in parts)
        arguments = "self, table, means" if self._means else "self, table"
        body = f'parts = [{listed}\n]\nreturn np.hstack(parts).astype("float32")'
        return f"def _encode({arguments}):\n{indent(body, '    ')}"

    def _one_hot(self) -> str:
        cells = "table[name]"
        if self._fills:
            cells += ".where(table[name].notna(), self.most_frequent[name])"
        return _ONE_HOT.format(cells=f"pooled(name, {cells})" if self._is_pooled else cells)
