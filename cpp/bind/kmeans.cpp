#include <algorithm>
#include <cstdint>
#include <vector>

#include "bind/common.hpp"
#include "kernels/kmeans_api.hpp"

namespace emkit {

template <typename T, int N>
using InOut = nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;

static const KMeansTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::kmeans_table;
    if (active_isa() == Isa::avx2) return avx2::kmeans_table;
#endif
    return baseline::kmeans_table;
}

template <typename T>
static const KMeansFunctions<T>& functions() {
    if constexpr (std::is_same_v<T, float>)
        return table().f32;
    else
        return table().f64;
}

template <typename T>
static long check(const In<T, 2>& X, const Weights& weights) {
    if (weights && weights->shape(0) != X.shape(0)) throw nb::value_error("weights must have one entry per row of X");
    if (X.shape(0) > INT32_MAX / 2) throw nb::value_error("X has too many rows for one call");
    return static_cast<long>(X.shape(0));
}

template <typename T>
static Clusters clusters(const In<T, 2>& X, const In<double, 2>& centers) {
    if (centers.shape(1) != X.shape(1) || centers.shape(0) == 0)
        throw nb::value_error("centers (k, d) must have the columns of X (n, d) and at least one row");
    return {static_cast<int>(centers.shape(1)), static_cast<int>(centers.shape(0)), centers.data()};
}

static const double* data(const Weights& weights) { return weights ? weights->data() : nullptr; }

template <typename T>
static nb::tuple assign(In<T, 2> X, Weights weights, In<double, 2> centers) {
    const long n = check(X, weights);
    const Clusters given = clusters(X, centers);
    auto counts = fresh({centers.shape(0)});
    auto sums = fresh({centers.shape(0), centers.shape(1)});
    auto labels = fresh<int32_t>({X.shape(0)});
    auto squares = fresh({X.shape(0)});
    double inertia = 0.0;
    {
        nb::gil_scoped_release free;
        functions<T>().assign(X.data(), data(weights), n, given, &inertia, counts.data(), sums.data(), labels.data(),
                              squares.data());
    }
    return nb::make_tuple(inertia, counts, sums, labels, squares);
}

template <typename T>
static nb::tuple pass(In<T, 2> X, Weights weights, In<double, 2> centers, In<double, 2> reference,
                      In<double, 1> half_gap, In<double, 1> own, In<double, 1> other, InOut<int32_t, 1> labels,
                      std::optional<InOut<float, 1>> upper, std::optional<InOut<float, 1>> lower) {
    const long n = check(X, weights);
    const Clusters given = clusters(X, centers);
    const size_t k = centers.shape(0), d = centers.shape(1);
    const bool is_sized = reference.shape(0) == k && reference.shape(1) == d && half_gap.shape(0) == k &&
                          own.shape(0) == k && other.shape(0) == k && labels.shape(0) == X.shape(0);
    const bool has_bounds = upper && lower;
    if (!is_sized || (has_bounds && (upper->shape(0) != X.shape(0) || lower->shape(0) != X.shape(0))))
        throw nb::value_error("shapes of centers, reference (k, d), half_gap, own, other (k,) and labels (n,) differ");
    auto counts = fresh({k});
    auto sums = fresh({k, d});
    PassSums out{0.0, 0, counts.data(), sums.data()};
    {
        nb::gil_scoped_release free;
        const PassGiven at{reference.data(), half_gap.data(), own.data(), other.data()};
        const PassState state{labels.data(), has_bounds ? upper->data() : nullptr, has_bounds ? lower->data() : nullptr};
        functions<T>().pass(X.data(), data(weights), n, given, at, state, out);
    }
    return nb::make_tuple(out.gain, out.n_moved, counts, sums);
}

template <typename T>
static nb::ndarray<nb::numpy, int64_t> seed(In<T, 2> X, Weights weights, int k, int trials, In<double, 1> uniforms) {
    const long n = check(X, weights);
    if (n == 0 || k < 1 || trials < 1 || uniforms.shape(0) < 1 + static_cast<size_t>(k - 1) * trials)
        throw nb::value_error("seeding needs rows, k and trials above zero, and 1 + (k - 1) trials uniforms");
    std::vector<long> rows(k);
    int found = 0;
    {
        nb::gil_scoped_release free;
        found = functions<T>().seed(X.data(), data(weights), n, static_cast<int>(X.shape(1)), k, trials,
                                    uniforms.data(), rows.data());
    }
    auto out = fresh<int64_t>({static_cast<size_t>(found)});
    std::copy(rows.begin(), rows.begin() + found, out.data());
    return out;
}

template <typename T>
static nb::tuple improve(In<T, 2> X, Weights weights, In<double, 2> centers, int max_iter, In<double, 2> uniforms) {
    const long n = check(X, weights);
    const Clusters given = clusters(X, centers);
    auto moved = fresh({centers.shape(0), centers.shape(1)});
    auto labels = fresh<int32_t>({X.shape(0)});
    std::copy(given.centers, given.centers + centers.shape(0) * centers.shape(1), moved.data());
    std::fill(labels.data(), labels.data() + n, 0);
    double inertia = 0.0;
    int n_iter = 0;
    {
        nb::gil_scoped_release free;
        n_iter = functions<T>().improve(X.data(), data(weights), n, given.d, given.k, max_iter,
                                        static_cast<int>(uniforms.shape(0)), uniforms.data(), moved.data(),
                                        labels.data(), &inertia);
    }
    return nb::make_tuple(moved, labels, inertia, n_iter);
}

static nb::ndarray<nb::numpy, double> half_gaps(In<double, 2> centers) {
    auto out = fresh({centers.shape(0)});
    {
        nb::gil_scoped_release free;
        const Clusters given{static_cast<int>(centers.shape(1)), static_cast<int>(centers.shape(0)), centers.data()};
        table().half_gaps(given, out.data());
    }
    return out;
}

static nb::ndarray<nb::numpy, int64_t> line(In<double, 1> x, In<double, 1> weights, int k) {
    const size_t n = x.shape(0);
    if (weights.shape(0) != n || k < 1 || static_cast<size_t>(k) > n || n > INT32_MAX / 2)
        throw nb::value_error("x and weights must be of one length, and k between 1 and that length");
    std::vector<long> starts(k);
    {
        nb::gil_scoped_release free;
        table().line(x.data(), weights.data(), static_cast<long>(n), k, starts.data());
    }
    auto out = fresh<int64_t>({static_cast<size_t>(k)});
    std::copy(starts.begin(), starts.end(), out.data());
    return out;
}

template <typename T>
static void bind_dtype(nb::module_& m) {
    using namespace nb::literals;
    const auto x = "X"_a.noconvert();
    const auto w = "weights"_a.noconvert().none();
    const auto c = "centers"_a.noconvert();
    m.def("kmeans_assign", assign<T>, x, w, c);
    m.def("kmeans_pass", pass<T>, x, w, c, "reference"_a.noconvert(), "half_gap"_a.noconvert(), "own"_a.noconvert(),
          "other"_a.noconvert(), "labels"_a.noconvert(), "upper"_a.noconvert().none(), "lower"_a.noconvert().none());
    m.def("kmeans_seed", seed<T>, x, w, "k"_a, "trials"_a, "uniforms"_a.noconvert());
    m.def("kmeans_improve", improve<T>, x, w, c, "max_iter"_a, "uniforms"_a.noconvert());
}

void bind_kmeans(nb::module_& m) {
    using namespace nb::literals;
    bind_dtype<double>(m);
    bind_dtype<float>(m);
    m.def("kmeans_half_gaps", half_gaps, "centers"_a.noconvert());
    m.def("kmeans_line", line, "x"_a.noconvert(), "weights"_a.noconvert(), "k"_a);
}

}  // namespace emkit
