"""What labs of several lessons share: cases, small examples, wrong functions and what is said about them."""
