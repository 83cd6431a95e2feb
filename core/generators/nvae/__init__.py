"""NVAE: a hierarchical variational autoencoder, its decoder as a generator."""
