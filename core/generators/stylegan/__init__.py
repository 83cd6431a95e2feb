"""StyleGAN2, 3 and XL."""
