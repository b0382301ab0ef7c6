"""The kernels again in array-API Python: test oracle, fallback without a compiler, and GPU path."""
