"""Parts that are not the paper's, and rounds, losses and optimizers beside its own."""
