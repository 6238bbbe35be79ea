"""Recipes, recorded runs and sweeps: experiments made of the core's parts."""
