"""What is to be linted: named files, folders and standard input, their text and their comments."""
