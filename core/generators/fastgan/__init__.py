"""FastGAN of projected GANs, as its authors' training saves it."""
