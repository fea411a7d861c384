"""Training a network by RVSM: from parameters and images to sparse weights."""
