"""What the notebooks study: the sweeps, what is computed from them, and what may be said."""
