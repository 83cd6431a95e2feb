"""KRR flow: densities by kernel ridge regression, and the particle flow along them."""
