"""The workflows of FuseDream and its numbers."""
