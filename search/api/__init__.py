"""What Python sees beside `tune`: studies in files and databases, as data frames and figures, and scikit-learn's way.

| module | what lives there |
|---|---|
| `running` | `run`: launch a study or go on with it; `load`: open one that is stored |
| `study` | `Study`: what a stored study holds, read anew each time it is asked |
| `frames` | trials, runs and curves as pandas frames |
| `notebook_view` | a study as a notebook shows it |
| `estimators` | `RegularizedClassifier` and `RegularizedRegressor` |

What is public is imported from `search`. pandas and scikit-learn are imported by who needs them, TensorFlow by who
trains in this process: a study that workers train, and one that is read, do without.
"""
