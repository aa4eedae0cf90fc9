"""A figure as SVG, for pages without scripts: small, in the colours of the page, text that stays text.

Plotly itself needs a browser for that. What is drawn here is what our figures are made of: lines, points with error
bars, spans, horizontal bars, planes of cells; straight lines and words over them; axes that are linear, logarithmic or
of categories.

| module | what lives there |
|---|---|
| `drawing` | `figure_svg`: the whole of it, panel by panel, with its legend |
| `axes` | an axis: from values to places, its ticks |
| `marks` | what each trace looks like |
| `colours` | colours of Plotly, and between two of them |
| `words` | text, in the little markup that Plotly has |
"""

from search.figures.svg.drawing import figure_svg

__all__ = ["figure_svg"]
