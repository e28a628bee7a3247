"""Documents made to pass a careless verifier of XML signatures: the generator of `tests/data/attacks`.

`places` says what is signed, `maker` signs it, `wrapping`, `references`, `algorithms`, `values` and `markup` forge it; each
attack is a function that makes one document. `catalogue.ATTACKS` has them all, by name.
"""
