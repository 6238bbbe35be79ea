"""What a run needs around the algorithm: batches on a device, several processes, a bar, files."""
