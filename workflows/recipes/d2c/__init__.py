"""The workflows of D2C and its numbers."""
