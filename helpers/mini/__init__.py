"""The small model that ships with the package: its vocabulary, its language, its training."""
