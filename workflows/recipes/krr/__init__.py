"""The workflows of KRR flow and its numbers."""
