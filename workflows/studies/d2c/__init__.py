"""The reproduction of D2C on the embedded avatars."""
