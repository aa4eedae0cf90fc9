"""The coordinator: the one process that asks, tells and writes.

| module | what lives there |
|---|---|
| `launching` | `run_study`: a study is launched, or goes on, until its budget is spent |
| `coordinator` | the loop: ask, submit, wait, note, tell |
| `entry` | creating a study in the storage, or making sure that the one there is the same |
| `widening` | ranges that become wider while a study goes on |
| `proposals` | trials proposed and their outcomes told, in number order, under the window rule |
| `equal_configurations` | which of several equal trials is trained |
| `open_trial` | a trial that is being trained: its runs, and when it is over |
| `trial_buffer` | the study's trials, written to the storage a little later than noted |
| `fresh_divisions` | the confirmation's divisions, and what is expected of a run on them |
| `gathering` | runs that are no part of the search are trained, and their results gathered |
| `advising` | advice on the choice, given when it is made |
| `noting` | the note on the study that Optuna's own dashboard shows |
| `comparing` | configurations that are no trials, scored on the confirmation's divisions |
| `kept_predictions` | which trials' predictions are kept when there is no room for those of all |
| `confirming` | after the search, the finalists on fresh divisions of the rows |
| `estimating` | what the selection itself is worth, without training anything |
| `looking` | the look at the sealed rows |
| `taught` | what the runs have taught about training on all rows |
| `limits` | what ends a session before its budget is spent |
| `phases` | what a session does when its search is over, for whoever watches |
| `progress` | what the coordinator tells whoever watches |

Optuna is asked and told through `search.tuning`, runs are sent to workers through `search.dispatch`, the database is
`search.storage`.
"""
