"""The networks of StyleGAN."""
