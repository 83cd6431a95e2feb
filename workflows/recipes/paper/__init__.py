"""The papers' own numbers, typed once, and the rows that use them."""
