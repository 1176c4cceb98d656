"""Stands in for the package of this name in Ray's own processes, and fails to import.

jsonschema checks the syntax of IRIs with that package, and does without where it can't be
imported. The package builds a parser when it is imported, which takes a second or more, in each
of Ray's half a dozen processes, none of which checks an IRI.
"""

raise ImportError("left out of Ray's processes, which don't need it")
