"""Preparing a study: file, data and model become something that can run.

| module | what lives there |
|---|---|
| `files` | a study file is read and prepared |
| `shipped` | a study file is found, by its path or by the name of a study that comes with the program |
| `catalogue` | the one catalogue of techniques, families and settings that a study file may name |
| `resolving` | every default that depends on data or model is filled in |
| `facts` | what the data is like, and what guesses that are the same for every row score |
| `own_metric` | a metric of the user's is read, and tried on the constant guess |
| `preparing` | spec, data, splits and model become a `PreparedStudy` |
| `checks` | what is refused once they are seen beside each other |
| `study` | `PreparedStudy`: what can run, and the runs that it is made of |
| `pruning` | whether trials are raced where the file leaves that open |
| `notes` | what the user should know about a study before it runs |
| `offers` | which techniques a drafted study offers, and how wide each is searched |
| `drafting` | the other way round: a study file is written for a model and its data |

Files are read by `search.spec`, rows by `search.data`, models by `search.models`; what is prepared is run by
`search.coordination`.
"""
