#include <new>
#include <type_traits>

#include "bind/common.hpp"
#include "kernels/student_api.hpp"

namespace emkit {

static const StudentTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::student_table;
    if (active_isa() == Isa::avx2) return avx2::student_table;
#endif
    return baseline::student_table;
}

using Vector = In<double, 1>;

template <typename T>
static Shape checked(const In<T, 2>& X, const Vector& log_peak, const In<double, 2>& mean, const In<double, 3>& whiten,
                     const Vector& dof) {
    const size_t k = mean.shape(0), d = mean.shape(1);
    const bool is_whiten = whiten.shape(0) == k && whiten.shape(1) == d && whiten.shape(2) == d;
    if (X.shape(1) != d || log_peak.shape(0) != k || dof.shape(0) != k || !is_whiten || k == 0 || d == 0)
        throw nb::value_error("shapes of X (n, d), log_peak (k,), mean (k, d), whiten (k, d, d) and dof (k,) disagree");
    return Shape{static_cast<int>(d), static_cast<int>(k), false};
}

template <typename T>
static nb::tuple moments(In<T, 2> X, Weights weights, Vector log_peak, In<double, 2> mean, In<double, 3> whiten,
                         Vector dof) {
    const Shape shape = checked<T>(X, log_peak, mean, whiten, dof);
    if (weights && weights->shape(0) != X.shape(0)) throw nb::value_error("weights must have one entry per row");
    const double* w = weights ? weights->data() : nullptr;
    const size_t k = mean.shape(0), d = mean.shape(1);
    auto count = fresh({k}), log_u = fresh({k}), used = fresh({k});
    auto first = fresh({k, d}), second = fresh({k, d, d});
    double loglik = 0.0;
    int failed;
    {
        nb::gil_scoped_release free;
        const StudentGiven given{log_peak.data(), mean.data(), whiten.data(), dof.data()};
        const StudentSums out{count.data(), log_u.data(), used.data(), first.data(), second.data()};
        const long n = static_cast<long>(X.shape(0));
        if constexpr (std::is_same_v<T, float>) failed = table().moments_f32(X.data(), w, n, shape, given, &loglik, out);
        else failed = table().moments_f64(X.data(), w, n, shape, given, &loglik, out);
    }
    if (failed) throw std::bad_alloc();
    return nb::make_tuple(loglik, count, log_u, used, first, second);
}

template <typename T>
static nb::tuple rows(In<T, 2> X, Vector log_peak, In<double, 2> mean, In<double, 3> whiten, Vector dof) {
    const Shape shape = checked<T>(X, log_peak, mean, whiten, dof);
    auto joint = fresh({X.shape(0), mean.shape(0)}), u = fresh({X.shape(0), mean.shape(0)});
    int failed;
    {
        nb::gil_scoped_release free;
        const StudentGiven given{log_peak.data(), mean.data(), whiten.data(), dof.data()};
        const long n = static_cast<long>(X.shape(0));
        if constexpr (std::is_same_v<T, float>) failed = table().rows_f32(X.data(), n, shape, given, joint.data(), u.data());
        else failed = table().rows_f64(X.data(), n, shape, given, joint.data(), u.data());
    }
    if (failed) throw std::bad_alloc();
    return nb::make_tuple(joint, u);
}

template <typename T>
static void bind_dtype(nb::module_& m) {
    using namespace nb::literals;
    m.def("student_moments", moments<T>, "X"_a.noconvert(), "weights"_a.noconvert().none(), "log_peak"_a.noconvert(),
          "mean"_a.noconvert(), "whiten"_a.noconvert(), "dof"_a.noconvert());
    m.def("student_rows", rows<T>, "X"_a.noconvert(), "log_peak"_a.noconvert(), "mean"_a.noconvert(),
          "whiten"_a.noconvert(), "dof"_a.noconvert());
}

void bind_student(nb::module_& m) {
    bind_dtype<double>(m);
    bind_dtype<float>(m);
}

}  // namespace emkit
