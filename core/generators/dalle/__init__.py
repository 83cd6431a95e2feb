"""The discrete VAE of DALL-E: decoder, encoder and codes."""
