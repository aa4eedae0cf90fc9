"""What follows a search.

| module | what lives there |
|---|---|
| `ablation` | what each part of the choice is worth |
| `sweep` | one name of the choice over its values |
| `again` | a study that is stored, read again and trained on once more |
| `refit` | the chosen configuration, trained once more on all rows that are not sealed |
| `ensemble` | the same for those finalists that make a good mean |
| `own_code` | code of the caller's own, for workers that know files alone |
| `process_state` | the caller's process is left as it was |
| `telling`, `notebook` | what a study says while it runs from Python |
| `tune` | a study of a Keras model that is in memory, from its file to the trained model |
| `tune_arguments`, `tune_options` | what `tune` is given, checked and as a study file says it |
| `tune_files` | model, rows and space in memory become files, as the shell is given them |

The search itself is `search.tuning` under `search.coordination`; choosing is `search.selection`.
"""
