"""What a study found, for people and for programs.

| module | what lives there |
|---|---|
| `summaries` | status, best, trials, comparison: storage in, plain records out |
| `exports` | the chosen configuration as toml, json, yaml or a Python file: one format a module |

Choosing lives in `search.selection`; how a table looks on a terminal lives in `search.cli`.
"""
