"""DF-GAN, a generator for a sentence, in the forms of 2021 and of 2022."""
