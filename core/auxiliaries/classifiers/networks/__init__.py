"""The networks of classifiers."""
