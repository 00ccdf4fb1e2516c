"""Gradients through a convolutional network, in NumPy alone: the code the lessons tell the story of."""
