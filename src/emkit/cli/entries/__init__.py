"""What the command line fits, a file for each room of models."""
