// Memory for results and scratch that the next call wants again. Fresh pages cost more than most kernels spend on them
// (measured: up to two thirds of a pass over 256 KB), so a few blocks are kept between calls.
#pragma once

#include <cstddef>

namespace emkit {

// Not initialised, on a cache line. Throws std::bad_alloc.
void* borrow(size_t bytes);

void give_back(void* memory) noexcept;

}  // namespace emkit
