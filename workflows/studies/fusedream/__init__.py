"""FuseDream's study."""
