"""What a notebook was seen to use: recorded while it runs, kept with its result, and checked.

`hook` records in the kernel and in its Python children, `readers` adds what goes past Python,
`record` makes of it what is kept, and `check` tells whether all of it is still the same.
"""
