"""The search itself: Optuna proposes and is told, in the order of trial numbers.

| module | what lives there |
|---|---|
| `space` | [space] as Optuna distributions, and back: sampled parameters become a configuration |
| `dimensions` | one name of it: a distribution, what its values mean, where "off" lies |
| `samplers` | Optuna's samplers, seeded per trial |
| `pruners` | Optuna's pruners, and what a trial reports to them |
| `history` | what the sampler and the pruner know: an Optuna study in memory, asked and told in order |

Which study is searched is prepared in `search.preparation`, when to ask and what to write is decided in
`search.coordination`. Besides this package, `search.storage` imports Optuna, and `search.dashboard` to open what it
shows; nothing here imports Keras.
"""
