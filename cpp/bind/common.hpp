// What every binding needs: array types that are never copied silently, and the choice of instruction set.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <memory>
#include <optional>

#include "kernels/memory.hpp"

namespace emkit {

namespace nb = nanobind;

enum class Isa { baseline = 0, avx2 = 1, avx512 = 2 };

Isa active_isa();  // chosen once, in module.cpp

template <typename T, int N>
using In = nb::ndarray<const T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
using Weights = std::optional<In<double, 1>>;

// A fresh array that NumPy owns, not initialised.
template <typename T = double>
nb::ndarray<nb::numpy, T> fresh(std::initializer_list<size_t> shape) {
    size_t size = 1;
    for (size_t s : shape) size *= s;
    T* data = static_cast<T*>(borrow(size * sizeof(T)));
    nb::capsule owner(data, give_back);
    return nb::ndarray<nb::numpy, T>(data, shape.size(), shape.begin(), owner);
}

}  // namespace emkit
