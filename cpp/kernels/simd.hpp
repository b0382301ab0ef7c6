// Vectors of doubles as wide as the instruction set this file is compiled for, with exp and log on them.
// GCC and Clang vector extensions: the same source serves SSE2, AVX2 and AVX-512.
//
// Nothing here, nor in any file compiled once per instruction set, may use templates of the standard library: their
// code is shared by name across object files, and the linker could hand AVX-512 code to a processor without it.
#pragma once

#include <cstdlib>
#include <cstring>

#ifndef EMKIT_ISA
#define EMKIT_ISA baseline
#endif

namespace emkit {
namespace EMKIT_ISA {

#if defined(__AVX512F__)
constexpr int W = 8, REGISTERS = 32;
#elif defined(__AVX2__)
constexpr int W = 4, REGISTERS = 16;
#else
constexpr int W = 2, REGISTERS = 16;
#endif

typedef double vd __attribute__((vector_size(W * sizeof(double))));
typedef long long vi __attribute__((vector_size(W * sizeof(double))));

constexpr double INF = __builtin_inf();

// All lanes equal; a - 0 is a bare broadcast, whereas 0 + a would be an addition (it turns -0 into 0).
static inline vd set1(double a) { return a - vd{}; }

static inline vd load(const double* p) {
    vd v;
    std::memcpy(&v, p, sizeof(v));
    return v;
}

static inline void store(double* p, vd v) { std::memcpy(p, &v, sizeof(v)); }

// The larger of the two, and b where a is NaN.
static inline vd vmax(vd a, vd b) { return a > b ? a : b; }

// Sum of the lanes, always in the same order.
static inline double hsum(vd v) {
#if defined(__AVX512F__)
    v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
#elif defined(__AVX2__)
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1);
#endif
    return v[0] + v[1];
}

// Swap the lanes whose number has bit S with those of the partner that have not: one stage of a transpose.
template <int S>
static inline void swap_lanes(vd& a, vd& b) {
    const vd x = a, y = b;
#if defined(__AVX512F__)
    if constexpr (S == 1) {
        a = __builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14);
        b = __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15);
    } else if constexpr (S == 2) {
        a = __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13);
        b = __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15);
    } else {
        a = __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11);
        b = __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15);
    }
#elif defined(__AVX2__)
    if constexpr (S == 1) {
        a = __builtin_shufflevector(x, y, 0, 4, 2, 6);
        b = __builtin_shufflevector(x, y, 1, 5, 3, 7);
    } else {
        a = __builtin_shufflevector(x, y, 0, 1, 4, 5);
        b = __builtin_shufflevector(x, y, 2, 3, 6, 7);
    }
#else
    a = __builtin_shufflevector(x, y, 0, 2);
    b = __builtin_shufflevector(x, y, 1, 3);
#endif
}

// Transpose W vectors in place.
template <int S = 1>
static inline void transpose(vd (&v)[W]) {
    for (int i = 0; i < W; i++)
        if (!(i & S)) swap_lanes<S>(v[i], v[i | S]);
    if constexpr (2 * S < W) transpose<2 * S>(v);
}

static inline vi bits(vd v) {
    vi b;
    std::memcpy(&b, &v, sizeof(b));
    return b;
}

static inline vd from_bits(vi b) {
    vd v;
    std::memcpy(&v, &b, sizeof(v));
    return v;
}

// Below this, exp would leave the normal numbers: taken as zero.
constexpr double UNDERFLOW = -708.0;

// exp(x) for x <= 0, to about one unit in the last place; exactly 0 below `floor` (>= UNDERFLOW), at -infinity and at NaN.
static inline vd exp_nonpositive(vd x, vd floor) {
    const vd clamped = vmax(x, floor);
    // Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits; never compile with associative maths.
    const vd shifter = set1(6755399441055744.0);
    const vd t = clamped * set1(1.4426950408889634074) + shifter;
    const vd n = t - shifter;
    vd r = clamped - n * set1(6.93147180369123816490e-01);
    r = r - n * set1(1.90821492927058770002e-10);
    vd p = set1(1.6059043836821614599e-10);  // 1 / 13!, then Horner down to 1
    p = p * r + set1(2.0876756987868098979e-9);
    p = p * r + set1(2.5052108385441718775e-8);
    p = p * r + set1(2.7557319223985890653e-7);
    p = p * r + set1(2.7557319223985890653e-6);
    p = p * r + set1(2.4801587301587301587e-5);
    p = p * r + set1(1.9841269841269841270e-4);
    p = p * r + set1(1.3888888888888888889e-3);
    p = p * r + set1(8.3333333333333333333e-3);
    p = p * r + set1(4.1666666666666666667e-2);
    p = p * r + set1(1.6666666666666666667e-1);
    p = p * r + set1(0.5);
    p = p * r + set1(1.0);
    p = p * r + set1(1.0);
    const vd scaled = from_bits(bits(p) + (bits(t) << 52));
    return x >= floor ? scaled : vd{};
}

// log(x) for normal x >= 1, to about one unit in the last place of the result or 1e-16.
static inline vd log_from_one(vd x) {
    const vi b = bits(x);
    const vi half = vi{} + 0x3FE6A09E667F3BCDLL;  // sqrt(1/2)
    const vi k = (b - half) >> 52;
    const vd m = from_bits(b - (k << 52));  // in [sqrt(1/2), sqrt(2))
    // k is small: the same trick backwards turns it into a double
    const vd e = from_bits(k + (vi{} + 0x4338000000000000LL)) - set1(6755399441055744.0);
    const vd f = (m - set1(1.0)) / (m + set1(1.0));
    const vd s = f * f;
    vd p = set1(2.0 / 23);
    p = p * s + set1(2.0 / 21);
    p = p * s + set1(2.0 / 19);
    p = p * s + set1(2.0 / 17);
    p = p * s + set1(2.0 / 15);
    p = p * s + set1(2.0 / 13);
    p = p * s + set1(2.0 / 11);
    p = p * s + set1(2.0 / 9);
    p = p * s + set1(2.0 / 7);
    p = p * s + set1(2.0 / 5);
    p = p * s + set1(2.0 / 3);
    p = p * s + set1(2.0);
    return e * set1(1.90821492927058770002e-10) + (e * set1(6.93147180369123816490e-01) + f * p);
}

// Memory for one call: one allocation, cut into aligned pieces. Not initialised.
class Arena {
public:
    explicit Arena(size_t doubles) : memory_(static_cast<double*>(std::aligned_alloc(ALIGN, bytes(doubles)))) {}
    ~Arena() { std::free(memory_); }
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    bool is_empty() const { return memory_ == nullptr; }

    // The next piece, starting on a cache line.
    double* take(size_t doubles) {
        double* piece = memory_ + used_;
        used_ += padded(doubles);
        return piece;
    }

    // Where the next piece will begin, and the way back there.
    using Mark = size_t;
    Mark mark() const { return used_; }
    void release(Mark mark) { used_ = mark; }

    static size_t padded(size_t doubles) { return (doubles + 7) / 8 * 8; }

private:
    static constexpr size_t ALIGN = 64;
    static size_t bytes(size_t doubles) { return (padded(doubles) + 8) * sizeof(double); }
    double* memory_;
    size_t used_ = 0;
};

}  // namespace EMKIT_ISA
}  // namespace emkit
