"""Refinement of latents: a direction and a rule make a kernel, which a loop runs."""
