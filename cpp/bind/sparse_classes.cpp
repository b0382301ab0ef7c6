#include <cstdint>
#include <new>

#include "bind/common.hpp"
#include "kernels/sparse_classes_api.hpp"

namespace emkit {

static const SparseClassesTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::sparse_classes_table;
    if (active_isa() == Isa::avx2) return avx2::sparse_classes_table;
#endif
    return baseline::sparse_classes_table;
}

// The rows, checked: an entry beyond them would be read from outside the table.
static SparseRows checked(const In<int32_t, 1>& first, const In<int32_t, 1>& columns, const In<double, 1>& values, size_t c,
                          size_t k) {
    const size_t n = first.shape(0) - 1, entries = columns.shape(0);
    if (first.shape(0) == 0 || values.shape(0) != entries) throw nb::value_error("shapes of first, columns and values disagree");
    const int32_t* at = first.data();
    unsigned bad = at[0] < 0 || at[n] < 0 || static_cast<size_t>(at[n]) > entries;
    for (size_t i = 0; i < n; i++) bad |= at[i + 1] < at[i];
    for (size_t e = 0; e < entries; e++) bad |= columns.data()[e] < 0 || static_cast<size_t>(columns.data()[e]) >= c;
    if (bad) throw nb::value_error("first must rise within the entries, and columns lie within the table");
    return SparseRows{at, columns.data(), values.data(), static_cast<long>(n), static_cast<long>(c), static_cast<int>(k)};
}

static nb::tuple moments(In<int32_t, 1> first, In<int32_t, 1> columns, In<double, 1> values, Weights weights,
                         In<double, 1> log_mix, In<double, 2> log_prob) {
    const size_t k = log_mix.shape(0), c = log_prob.shape(0);
    if (k == 0 || log_prob.shape(1) != k) throw nb::value_error("shapes of log_mix (k,) and table (c, k) disagree");
    const SparseRows rows = checked(first, columns, values, c, k);
    if (weights && weights->shape(0) != static_cast<size_t>(rows.n))
        throw nb::value_error("weights must have one entry per row");
    auto count = fresh({k});
    auto counts = fresh({c, k});
    double loglik = 0.0;
    int failed;
    {
        nb::gil_scoped_release free;
        failed = table().moments(rows, weights ? weights->data() : nullptr, log_prob.data(), log_mix.data(), &loglik,
                                 count.data(), counts.data());
    }
    if (failed) throw std::bad_alloc();
    return nb::make_tuple(loglik, count, counts);
}

void bind_sparse_classes(nb::module_& m) {
    using namespace nb::literals;
    m.def("sparse_classes_moments", moments, "first"_a.noconvert(), "columns"_a.noconvert(), "values"_a.noconvert(),
          "weights"_a.noconvert().none(), "log_mix"_a.noconvert(), "table"_a.noconvert());
}

}  // namespace emkit
