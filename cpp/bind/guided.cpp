#include <cstdint>

#include "bind/common.hpp"
#include "kernels/guided_api.hpp"

namespace emkit {

static const GuidedTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::guided_table;
    if (active_isa() == Isa::avx2) return avx2::guided_table;
#endif
    return baseline::guided_table;
}

static nb::tuple smooth(In<double, 2> log_emit, In<double, 3> log_moves, In<int64_t, 1> lengths, Weights weights,
                        In<double, 1> init) {
    const size_t n = log_emit.shape(0), k = log_emit.shape(1);
    int64_t total = 0;
    bool is_valid = k > 0 && init.shape(0) == k && log_moves.shape(0) == n && log_moves.shape(1) == k &&
                    log_moves.shape(2) == k && (!weights || weights->shape(0) == lengths.shape(0));
    for (size_t s = 0; s < lengths.shape(0); s++) {
        is_valid = is_valid && lengths.data()[s] >= 0;
        total += lengths.data()[s];
    }
    if (!is_valid || total != static_cast<int64_t>(n))
        throw nb::value_error(
            "shapes of log_emit (n, k), log_moves (n, k, k), lengths (s,) adding up to n, weights (s,), init (k,) "
            "disagree");
    const GuidedBatch given{log_emit.data(), log_moves.data(), static_cast<int>(k), lengths.data(),
                            static_cast<long>(lengths.shape(0)), weights ? weights->data() : nullptr, init.data()};
    auto loglik = fresh({lengths.shape(0)});
    auto first = fresh({k});
    auto moves = fresh({n, k, k}), resp = fresh({n, k}), filtered = fresh({n, k});
    GuidedSums out{loglik.data(), first.data(), moves.data(), resp.data(), filtered.data()};
    {
        nb::gil_scoped_release free;
        table().smooth(given, out);
    }
    return nb::make_tuple(loglik, first, moves, resp, filtered, out.bad_sequence, out.bad_step);
}

void bind_guided(nb::module_& m) {
    using namespace nb::literals;
    m.def("guided_smooth", smooth, "log_emit"_a.noconvert(), "log_moves"_a.noconvert(), "lengths"_a.noconvert(),
          "weights"_a.noconvert().none(), "init"_a.noconvert());
}

}  // namespace emkit
