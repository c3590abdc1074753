"""Reports, metrics and benchmarks."""
