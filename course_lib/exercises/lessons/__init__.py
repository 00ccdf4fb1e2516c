"""The content of the labs, one module a lesson; what several lessons share is in `recipes` and `convolution`."""
