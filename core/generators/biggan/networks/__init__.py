"""The networks of BigGAN."""
