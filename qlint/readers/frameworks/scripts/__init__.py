"""Public training scripts that are known by their options when they are not on disk.

One module each, with a data file each beside those of the frameworks: a script is read as a
framework is, from its command line.
"""
