"""StarGAN v2's networks, and the network of landmarks that its masks come from."""
