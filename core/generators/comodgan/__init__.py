"""Co-Mod-GAN: images that fill a hole, of TensorFlow's pickles and of their PyTorch port."""
