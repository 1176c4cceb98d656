"""What runs need on a machine: looked at, with what is wrong and the remedy."""
