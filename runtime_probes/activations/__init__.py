"""What a run keeps in memory while it trains: the peak, where it stands, and what it is made of."""
