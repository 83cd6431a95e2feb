"""Pairs (z, f(G(z))): a map of a generator in the language of an auxiliary."""
