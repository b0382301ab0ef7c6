#include <cmath>
#include <new>
#include <type_traits>

#include "bind/common.hpp"
#include "kernels/normal_patterns_api.hpp"

namespace emkit {

static const NormalTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::normal_table;
    if (active_isa() == Isa::avx2) return avx2::normal_table;
#endif
    return baseline::normal_table;
}

static const double* checked(const Weights& values, size_t n) {
    if (!values) return nullptr;
    if (values->shape(0) != n) throw nb::value_error("weights and counts must have one entry per row");
    return values->data();
}

template <typename T>
static NormalGiven checked(const In<T, 2>& X, const In<double, 1>& mean, const In<double, 2>& cov) {
    const size_t d = X.shape(1);
    if (mean.shape(0) != d || cov.shape(0) != d || cov.shape(1) != d)
        throw nb::value_error("shapes of X (n, d), mean (d,) and cov (d, d) disagree");
    return NormalGiven{static_cast<int>(d), mean.data(), cov.data()};
}

template <typename T>
static nb::tuple sums(In<T, 2> X, Weights weights, Weights counts, In<double, 1> mean, In<double, 2> cov) {
    const NormalGiven given = checked(X, mean, cov);
    const size_t n = X.shape(0), d = X.shape(1);
    const NormalRows<T> rows{X.data(), checked(weights, n), checked(counts, n), static_cast<long>(n)};
    auto first = fresh({d});
    auto second = fresh({d, d});
    NormalSums out{0.0, 0.0, first.data(), second.data()};
    int status;
    {
        nb::gil_scoped_release free;
        if constexpr (std::is_same_v<T, float>)
            status = table().sums_f32(rows, given, out);
        else
            status = table().sums_f64(rows, given, out);
    }
    if (status == 1) throw std::bad_alloc();
    if (status == 2) {
        out.loglik = -INFINITY;
        for (size_t i = 0; i < d; i++) first.data()[i] = NAN;
        for (size_t i = 0; i < d * d; i++) second.data()[i] = NAN;
    }
    return nb::make_tuple(out.loglik, out.weight, first, second);
}

template <typename T>
static nb::tuple fill(In<T, 2> X, std::optional<In<double, 2>> noise, In<double, 1> mean, In<double, 2> cov) {
    const NormalGiven given = checked(X, mean, cov);
    const size_t n = X.shape(0), d = X.shape(1);
    if (noise && (noise->shape(0) != n || noise->shape(1) != d)) throw nb::value_error("noise must have the shape of X");
    const NormalRows<T> rows{X.data(), nullptr, nullptr, static_cast<long>(n)};
    auto filled = fresh({n, d});
    auto sd = fresh({n, d});
    auto log_density = fresh({n});
    const NormalFill out{noise ? noise->data() : nullptr, filled.data(), sd.data(), log_density.data()};
    int status;
    {
        nb::gil_scoped_release free;
        if constexpr (std::is_same_v<T, float>)
            status = table().fill_f32(rows, given, out);
        else
            status = table().fill_f64(rows, given, out);
    }
    if (status == 1) throw std::bad_alloc();
    if (status == 2) throw nb::value_error("the covariance is not positive definite");
    return nb::make_tuple(filled, sd, log_density);
}

void bind_normal_patterns(nb::module_& m) {
    m.def("normal_sums", sums<double>, nb::arg("X").noconvert(), nb::arg("weights").none().noconvert(),
          nb::arg("counts").none().noconvert(), nb::arg("mean").noconvert(), nb::arg("cov").noconvert());
    m.def("normal_sums", sums<float>, nb::arg("X").noconvert(), nb::arg("weights").none().noconvert(),
          nb::arg("counts").none().noconvert(), nb::arg("mean").noconvert(), nb::arg("cov").noconvert());
    m.def("normal_fill", fill<double>, nb::arg("X").noconvert(), nb::arg("noise").none().noconvert(),
          nb::arg("mean").noconvert(), nb::arg("cov").noconvert());
    m.def("normal_fill", fill<float>, nb::arg("X").noconvert(), nb::arg("noise").none().noconvert(),
          nb::arg("mean").noconvert(), nb::arg("cov").noconvert());
}

}  // namespace emkit
