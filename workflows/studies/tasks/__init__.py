"""The tasks that people bring, measured."""
