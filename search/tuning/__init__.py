"""The search: Optuna proposes, workers train, the coordinator keeps the order and the books.

| module | what lives there |
|---|---|
| `library` | finding a study file by its name |
| `catalogue` | the one catalogue of techniques, families and settings that a study file may name |
| `preparation` | a study file becomes a `PreparedStudy`: spec, data, splits and plan, checked against each other |
| `space` | [space] as Optuna distributions, and back: sampled parameters become a configuration |
| `samplers` | Optuna's samplers, seeded per trial |
| `history` | what the sampler and the pruner know: an Optuna study in memory, asked and told in order |
| `pruners` | Optuna's pruners, and what a trial reports to them |
| `engines` | which engine trains which architecture: measured once a study |
| `open_trial` | a trial that is being trained: its runs, and when it is over |
| `progress` | what the coordinator tells whoever watches |
| `entry` | creating a study in the storage, or making sure that the one there is the same |
| `books` | the study's trials, written to the storage a little later than noted |
| `coordinator` | the loop: ask, submit, wait, note, tell |

Training lives in `search.training`, processes in `search.execution`, the database in `search.storage`. Besides this
package, `search.storage` imports Optuna, and `search.dashboard` to open what it shows; nothing here imports Keras.
"""
