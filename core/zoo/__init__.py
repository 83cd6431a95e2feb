"""The small models that come with the package, and the scripts that trained them."""
