"""Reproductions, benchmarks, the demo and the training of the shipped models."""
