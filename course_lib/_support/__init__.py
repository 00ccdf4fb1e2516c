"""What the course needs and no lesson imports: blocked computing, checks of arguments, files, checkpoints."""
