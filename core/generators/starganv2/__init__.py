"""StarGAN v2: an image in the style of another domain."""
