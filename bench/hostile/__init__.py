"""`python -m bench.hostile`: measures how hostile clients delay other clients. Linux only."""
