#include <cstdint>
#include <new>
#include <type_traits>
#include <vector>

#include "bind/common.hpp"
#include "kernels/factors.hpp"
#include "kernels/gaussian_api.hpp"

namespace emkit {

static const GaussianTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::gaussian_table;
    if (active_isa() == Isa::avx2) return avx2::gaussian_table;
#endif
    return baseline::gaussian_table;
}

// A kernel's status: it fails only where memory is short.
static void require(int status) {
    if (status != 0) throw std::bad_alloc();
}

template <typename T, int N>
static Shape checked(const In<T, 2>& X, const In<double, 1>& log_mix, const In<double, 2>& mean,
                     const In<double, N>& whiten) {
    const size_t k = mean.shape(0), d = mean.shape(1);
    const bool is_square = N == 2 || whiten.shape(N - 1) == d;
    if (X.shape(1) != d || log_mix.shape(0) != k || whiten.shape(0) != k || whiten.shape(1) != d || !is_square || k == 0)
        throw nb::value_error("shapes of X (n, d), log_mix (k,), mean (k, d) and whiten (k, d, d) or (k, d) disagree");
    return Shape{static_cast<int>(d), static_cast<int>(k), N == 2};
}

static const double* checked(const Weights& weights, size_t n) {
    if (!weights) return nullptr;
    if (weights->shape(0) != n) throw nb::value_error("weights must have one entry per row");
    return weights->data();
}

template <typename T, int N>
static nb::tuple moments(In<T, 2> X, Weights weights, In<double, 1> log_mix, In<double, 2> mean, In<double, N> whiten) {
    const Shape shape = checked<T, N>(X, log_mix, mean, whiten);
    const double* w = checked(weights, X.shape(0));
    const size_t k = mean.shape(0), d = mean.shape(1);
    auto count = fresh({k});
    auto first = fresh({k, d});
    auto second = N == 3 ? fresh({k, d, d}) : fresh({k, d});
    double loglik = 0.0;
    int status;
    {
        nb::gil_scoped_release free;
        const Given given{log_mix.data(), mean.data(), whiten.data()};
        const long n = static_cast<long>(X.shape(0));
        if constexpr (std::is_same_v<T, float>)
            status = table().moments_f32(X.data(), w, n, shape, given, &loglik, count.data(), first.data(), second.data());
        else
            status = table().moments_f64(X.data(), w, n, shape, given, &loglik, count.data(), first.data(), second.data());
    }
    require(status);
    return nb::make_tuple(loglik, count, first, second);
}

template <typename T>
static void rows(const In<T, 2>& X, const Shape& shape, const Given& given, double* log_density, double* out) {
    int status;
    {
        nb::gil_scoped_release free;
        const long n = static_cast<long>(X.shape(0));
        if constexpr (std::is_same_v<T, float>)
            status = table().rows_f32(X.data(), n, shape, given, log_density, out);
        else
            status = table().rows_f64(X.data(), n, shape, given, log_density, out);
    }
    require(status);
}

template <typename T, int N>
static nb::ndarray<nb::numpy, double> joint(In<T, 2> X, In<double, 1> log_mix, In<double, 2> mean, In<double, N> whiten) {
    const Shape shape = checked<T, N>(X, log_mix, mean, whiten);
    auto out = fresh({X.shape(0), mean.shape(0)});
    rows(X, shape, Given{log_mix.data(), mean.data(), whiten.data()}, nullptr, out.data());
    return out;
}

template <typename T, int N>
static nb::tuple posterior(In<T, 2> X, In<double, 1> log_mix, In<double, 2> mean, In<double, N> whiten) {
    const Shape shape = checked<T, N>(X, log_mix, mean, whiten);
    auto density = fresh({X.shape(0)});
    auto resp = fresh({X.shape(0), mean.shape(0)});
    rows(X, shape, Given{log_mix.data(), mean.data(), whiten.data()}, density.data(), resp.data());
    return nb::make_tuple(density, resp);
}

template <typename T>
static nb::tuple given(In<T, 2> X, In<double, 2> resp, In<double, 2> mean, bool is_full) {
    const size_t n = X.shape(0), k = mean.shape(0), d = mean.shape(1);
    if (X.shape(1) != d || resp.shape(0) != n || resp.shape(1) != k || k == 0)
        throw nb::value_error("shapes of X (n, d), resp (n, k) and mean (k, d) disagree");
    auto count = fresh({k});
    auto first = fresh({k, d});
    auto second = is_full ? fresh({k, d, d}) : fresh({k, d});
    const Shape shape{static_cast<int>(d), static_cast<int>(k), !is_full};
    int status;
    {
        nb::gil_scoped_release free;
        const auto run = [&](auto function) {
            return function(X.data(), resp.data(), static_cast<long>(n), shape, mean.data(), count.data(), first.data(),
                            second.data());
        };
        if constexpr (std::is_same_v<T, float>)
            status = run(table().given_f32);
        else
            status = run(table().given_f64);
    }
    require(status);
    return nb::make_tuple(count, first, second);
}

static int components(const In<double, 2>& joint) {
    if (joint.shape(1) == 0) throw nb::value_error("log_joint (n, k) must have at least one column");
    return static_cast<int>(joint.shape(1));
}

static nb::tuple softmax(In<double, 2> joint) {
    const int k = components(joint);
    auto density = fresh({joint.shape(0)});
    auto resp = fresh({joint.shape(0), joint.shape(1)});
    int status;
    {
        nb::gil_scoped_release free;
        status = table().softmax(joint.data(), static_cast<long>(joint.shape(0)), k, density.data(), resp.data());
    }
    require(status);
    return nb::make_tuple(density, resp);
}

static double logsumexp(In<double, 2> joint, Weights weights) {
    const int k = components(joint);
    const double* w = checked(weights, joint.shape(0));
    double loglik = 0.0;
    int status;
    {
        nb::gil_scoped_release free;
        status = table().logsumexp(joint.data(), w, static_cast<long>(joint.shape(0)), k, &loglik);
    }
    require(status);
    return loglik;
}

static nb::tuple whiten_factors(In<double, 3> cov) {
    const size_t k = cov.shape(0), d = cov.shape(1);
    if (cov.shape(2) != d) throw nb::value_error("cov must have shape (k, d, d)");
    auto whiten = fresh({k, d, d});
    auto half_log_det = fresh({k});
    auto status = fresh<int64_t>({k});
    {
        nb::gil_scoped_release free;
        std::vector<double> factor(d * d);
        for (size_t c = 0; c < k; c++)
            status.data()[c] = cholesky_inverse(cov.data() + c * d * d, static_cast<int>(d), factor.data(),
                                                whiten.data() + c * d * d, half_log_det.data() + c);
    }
    return nb::make_tuple(whiten, half_log_det, status);
}

template <typename T>
static void bind_dtype(nb::module_& m) {
    using namespace nb::literals;
    const auto x = "X"_a.noconvert();
    m.def("full_moments", moments<T, 3>, x, "weights"_a.noconvert().none(), "log_mix"_a.noconvert(),
          "mean"_a.noconvert(), "whiten"_a.noconvert());
    m.def("diagonal_moments", moments<T, 2>, x, "weights"_a.noconvert().none(), "log_mix"_a.noconvert(),
          "mean"_a.noconvert(), "whiten"_a.noconvert());
    m.def("full_log_joint", joint<T, 3>, x, "log_mix"_a.noconvert(), "mean"_a.noconvert(), "whiten"_a.noconvert());
    m.def("diagonal_log_joint", joint<T, 2>, x, "log_mix"_a.noconvert(), "mean"_a.noconvert(), "whiten"_a.noconvert());
    m.def("full_posterior", posterior<T, 3>, x, "log_mix"_a.noconvert(), "mean"_a.noconvert(), "whiten"_a.noconvert());
    m.def("diagonal_posterior", posterior<T, 2>, x, "log_mix"_a.noconvert(), "mean"_a.noconvert(),
          "whiten"_a.noconvert());
    m.def("given_moments", given<T>, x, "resp"_a.noconvert(), "mean"_a.noconvert(), "is_full"_a);
}

void bind_gaussian(nb::module_& m) {
    using namespace nb::literals;
    bind_dtype<double>(m);
    bind_dtype<float>(m);
    m.def("softmax_rows", softmax, "log_joint"_a.noconvert());
    m.def("weighted_logsumexp", logsumexp, "log_joint"_a.noconvert(), "weights"_a.noconvert().none());
    m.def("whiten_factors", whiten_factors, "cov"_a.noconvert());
}

}  // namespace emkit
