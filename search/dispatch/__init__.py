"""Runs go to workers, and their results come back, whoever wants them trained.

| module | what lives there |
|---|---|
| `engines` | which engine trains which architecture: measured once a study |

Processes are `search.execution`, training is `search.training`; which runs are wanted is decided above, in
`search.coordination`.
"""
