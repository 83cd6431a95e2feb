"""Conditions from text, images and other conditions."""
