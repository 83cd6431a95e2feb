"""R3GAN, as its authors' training saves it."""
