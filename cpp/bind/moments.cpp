#include "bind/common.hpp"
#include "kernels/moments_api.hpp"

namespace emkit {

static const MomentsTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::moments_table;
    if (active_isa() == Isa::avx2) return avx2::moments_table;
#endif
    return baseline::moments_table;
}

static nb::ndarray<nb::numpy, double> by_code(In<int32_t, 1> codes, In<double, 2> resp, int m) {
    const size_t n = resp.shape(0), k = resp.shape(1);
    bool is_valid = codes.shape(0) == n && m > 0;
    for (size_t t = 0; t < n && is_valid; t++) is_valid = codes.data()[t] >= 0 && codes.data()[t] < m;
    if (!is_valid) throw nb::value_error("codes must have one entry per row of resp, each from 0 to m - 1");
    auto total = fresh({static_cast<size_t>(m), k});
    {
        nb::gil_scoped_release free;
        table().by_code(codes.data(), resp.data(), static_cast<long>(n), static_cast<int>(k), m, total.data());
    }
    return total;
}

static nb::ndarray<nb::numpy, double> products(In<double, 2> features, In<double, 2> shares, In<int32_t, 1> left,
                                               In<int32_t, 1> right) {
    const size_t n = features.shape(1), size = left.shape(0);
    const auto q = static_cast<int32_t>(features.shape(0));
    bool is_valid = shares.shape(1) == n && right.shape(0) == size;
    for (size_t m = 0; m < size && is_valid; m++)
        is_valid = left.data()[m] >= 0 && left.data()[m] < q && right.data()[m] >= 0 && right.data()[m] < q;
    if (!is_valid) throw nb::value_error("shares need the rows of the features (q, n), left and right entries below q");
    auto total = fresh({shares.shape(0), size});
    {
        nb::gil_scoped_release free;
        const FeatureProducts of{features.data(), static_cast<long>(n), left.data(), right.data(), static_cast<int>(size)};
        table().products(of, shares.data(), static_cast<int>(shares.shape(0)), total.data());
    }
    return total;
}

void bind_moments(nb::module_& m) {
    using namespace nb::literals;
    m.def("sum_by_code", by_code, "codes"_a.noconvert(), "resp"_a.noconvert(), "m"_a);
    m.def("sum_products", products, "features"_a.noconvert(), "shares"_a.noconvert(), "left"_a.noconvert(),
          "right"_a.noconvert());
}

}  // namespace emkit
