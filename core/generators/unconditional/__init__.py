"""Unconditional GANs of small images: AutoGAN, SN-GAN, WGAN-GP, those of DOT and DGflow."""
