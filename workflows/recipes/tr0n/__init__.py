"""The workflows of TR0N and its numbers."""
