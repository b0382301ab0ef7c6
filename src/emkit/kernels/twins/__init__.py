"""The kernels again in array-API Python: the test oracle, the fallback without a compiler, and the GPU path."""
