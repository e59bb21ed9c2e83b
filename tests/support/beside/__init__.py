"""A version is built, promoted and rolled back beside live traffic, while profiles are read."""
