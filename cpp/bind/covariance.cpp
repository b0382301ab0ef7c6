#include <new>
#include <stdexcept>

#include "bind/common.hpp"
#include "kernels/covariance_api.hpp"

namespace emkit {

static const CovarianceTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::covariance_table;
    if (active_isa() == Isa::avx2) return avx2::covariance_table;
#endif
    return baseline::covariance_table;
}

template <int N>
static nb::tuple estimate(int form, bool is_shared, In<double, 1> count, In<double, N> scatter, In<double, 1> volume_before,
                          In<double, 2> axes_before) {
    const size_t k = scatter.shape(0), d = scatter.shape(1);
    const bool goes_on = volume_before.shape(0) == k, is_dense = N == 3;
    if (count.shape(0) != k || k == 0 || d == 0 || (N == 3 && scatter.shape(N - 1) != d) || form < 0 || form > 6 ||
        is_dense != (form > 2))
        throw nb::value_error("count (k,), scatter (k, d, d) or (k, d) and form disagree");
    auto volume = fresh({k});
    auto shape = fresh({k, d});
    auto matrix = is_dense ? fresh({k, d, d}) : fresh({k, 0});
    for (size_t c = 0; c < k && goes_on; c++) volume.data()[c] = volume_before.data()[c];
    const bool has_axes = axes_before.shape(0) == d && axes_before.shape(1) == d;
    for (size_t i = 0; i < d * d && goes_on && is_dense && has_axes; i++) matrix.data()[i] = axes_before.data()[i];
    const bool is_begun = goes_on && (form != static_cast<int>(Form::same_axes) || has_axes);
    int status;
    {
        nb::gil_scoped_release free;
        const Structure structure{static_cast<Form>(form), is_shared, static_cast<int>(d), static_cast<int>(k)};
        status = table().estimate(structure, count.data(), scatter.data(), nullptr, is_begun,
                                  Parts{volume.data(), shape.data(), matrix.data()});
    }
    if (status == 1) throw std::bad_alloc();
    return nb::make_tuple(status == 0, volume, shape, matrix);
}

void bind_covariance(nb::module_& m) {
    using namespace nb::literals;
    m.def("estimate_covariances", estimate<3>, "form"_a, "is_shared"_a, "count"_a.noconvert(), "scatter"_a.noconvert(),
          "volume_before"_a.noconvert(), "axes_before"_a.noconvert());
    m.def("estimate_covariances", estimate<2>, "form"_a, "is_shared"_a, "count"_a.noconvert(), "scatter"_a.noconvert(),
          "volume_before"_a.noconvert(), "axes_before"_a.noconvert());
}

}  // namespace emkit
