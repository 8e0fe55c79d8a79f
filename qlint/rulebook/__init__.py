"""What every rule is made of: its page, its metadata, its options, and how it speaks."""
