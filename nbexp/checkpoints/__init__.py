"""What snapshots hold, and how they are taken, written, read and set back."""
