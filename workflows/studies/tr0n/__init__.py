"""TR0N's study."""
