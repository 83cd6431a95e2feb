"""Claims, benchmarks, the demo and the training of shipped models."""
