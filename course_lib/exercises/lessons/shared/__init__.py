"""What labs of several lessons share: cases, small examples, wrong functions and messages."""
