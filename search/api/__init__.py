"""What Python programs and notebooks call, besides `search.tune`: a study as an object, and scikit-learn's estimators.

| module | what lives there |
|---|---|
"""
