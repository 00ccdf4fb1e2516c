"""For a teacher: hand the lessons out, judge what comes back, and see what a class is stuck on."""
