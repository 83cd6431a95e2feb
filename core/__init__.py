"""LatentSteer's library, with no host: generators, energies, translators and refiners."""
