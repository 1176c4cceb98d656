"""How fast nbexp is beside papermill and Ploomber: ``make bench`` writes docs/benchmarks.md."""
