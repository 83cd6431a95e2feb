"""Networks of classifiers."""
