"""What a study found, for people and for programs.

| module | what lives there |
|---|---|
| `summaries` | status, best, trials, comparison: storage in, plain records out |
| `sentences` | what a summary says in words |
| `importances` | how much of the scores each name of [space] explains |
| `watching` | a study that runs, looked at again and again |
| `plots` | figures of a study, by kind |
| `report` | a study as one page |
| `csv_tables` | tables of a study as CSV |
| `exports` | the choice of a study as a file: one format a module |
| `health` | whether this machine and its storage are fit for studies |

Choosing lives in `search.selection`; how a table looks on a terminal lives in `search.cli`.
"""
