"""DF-GAN's networks: text encoder, generators and discriminators."""
