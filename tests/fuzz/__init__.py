"""The fuzzer: mutated files, commands and requests, made from a seed.

`_base.py` is the contract, `kinds.py` lists the kinds, and each kind has a file of its own.
"""
