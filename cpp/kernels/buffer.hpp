// Memory of one call, and the few helpers that kernels would take from the standard library if its templates were not
// shared by name between instruction sets (see simd.hpp).
#pragma once

#include <cstddef>
#include <cstring>

#include "kernels/memory.hpp"
#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

// An array of numbers, zero at first, on a cache line.
template <typename T>
class Buffer {
public:
    explicit Buffer(size_t size) : size_(size), data_(static_cast<T*>(borrow(size * sizeof(T)))) {
        std::memset(data_, 0, size * sizeof(T));
    }
    ~Buffer() { give_back(data_); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    T& operator[](size_t i) { return data_[i]; }
    const T& operator[](size_t i) const { return data_[i]; }
    T* data() { return data_; }
    const T* data() const { return data_; }
    size_t size() const { return size_; }

    void swap(Buffer& other) {
        exchange(size_, other.size_);
        exchange(data_, other.data_);
    }

    void take(const T* from) { std::memcpy(data_, from, size_ * sizeof(T)); }
    void give(T* to) const { std::memcpy(to, data_, size_ * sizeof(T)); }
    void set(T value) {
        for (size_t i = 0; i < size_; i++) data_[i] = value;
    }

private:
    size_t size_;
    T* data_;

    template <typename U>
    static void exchange(U& a, U& b) {
        const U c = a;
        a = b, b = c;
    }
};

// Numbers that are written before they are read.
class Unset {
public:
    explicit Unset(size_t size) : data_(static_cast<double*>(borrow(size * sizeof(double)))) {}
    ~Unset() { give_back(data_); }
    Unset(const Unset&) = delete;
    Unset& operator=(const Unset&) = delete;
    double& operator[](size_t i) { return data_[i]; }
    double operator[](size_t i) const { return data_[i]; }
    double* data() { return data_; }
    const double* data() const { return data_; }

private:
    double* data_;
};

template <typename T>
static inline T smaller(T a, T b) {
    return b < a ? b : a;
}

template <typename T>
static inline T larger(T a, T b) {
    return a < b ? b : a;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
