"""Moving latents: direction x rule = kernel, and the loop that runs it."""
