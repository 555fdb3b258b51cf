"""`python -m bench.hostile`: what hostile clients cost everyone else. Linux only."""
