"""The engine of the labs: it judges any exercise and knows none."""
