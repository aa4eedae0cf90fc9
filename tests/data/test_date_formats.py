"""Formats of dates are told from texts, and no other text is taken for a date."""

import pytest

from search.data.date_formats import closest_format, find_formats


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (["May 5, 2024", "May 31, 2024"], ["%b %d, %Y"]),  # which of %b and %B is meant makes no difference here
        (["2024/05/31 10:00"], ["ISO8601"]),
        (["5/6/24", "7/8/24"], ["%d/%m/%y", "%m/%d/%y"]),
        (["Jan 2024", "Feb 2023"], ["%b %Y"]),
        (["12/2024"], ["%m/%Y"]),
        (["Sun, 06 Oct 2024 01:42:00"], ["%a, %d %b %Y %H:%M:%S"]),
        (["2024-01-05 10:00:00.250 UTC"], ["%Y-%m-%d %H:%M:%S.%f UTC"]),
    ],
)
def test_formats_differ_in_the_order_of_day_month_and_year(texts, formats):
    assert find_formats(texts) == formats


@pytest.mark.parametrize("text", ["1.2.3", "10-20-30", "10.0.0.1", "12:30", "1/2", "A1", "1999-2000", "2024", "k3-4"])
def test_other_text_is_no_date(text):
    assert find_formats([text]) == []
    assert closest_format([text]) is None
