"""BigGAN, BigGAN-deep, and the BigGAN-deep of Hugging Face."""
