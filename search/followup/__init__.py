"""What follows a search.

| module | what lives there |
|---|---|
| `refit` | the chosen configuration, trained once more on all rows that are not sealed |
| `tune` | a study of a Keras model that is in memory, from its file to the trained model |

The search itself is `search.tuning` under `search.coordination`; choosing is `search.selection`.
"""
