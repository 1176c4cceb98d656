"""nbexp: experiments in notebooks."""

__version__ = "0.1.0"
