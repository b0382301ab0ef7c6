#include <cstdint>

#include "bind/common.hpp"
#include "kernels/hsmm_api.hpp"

namespace emkit {

static const HsmmTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::hsmm_table;
    if (active_isa() == Isa::avx2) return avx2::hsmm_table;
#endif
    return baseline::hsmm_table;
}

using Lengths = In<int64_t, 1>;

static StayBatch batch(const In<double, 2>& log_emit, const Lengths& lengths, const Weights& weights,
                       const In<double, 1>& init, const In<double, 2>& trans, const In<double, 2>& stays,
                       bool censored) {
    const size_t k = log_emit.shape(1);
    int64_t total = 0;
    bool is_valid = k > 0 && init.shape(0) == k && trans.shape(0) == k && trans.shape(1) == k && stays.shape(0) == k &&
                    stays.shape(1) > 0;
    for (size_t s = 0; s < lengths.shape(0); s++) {
        is_valid = is_valid && lengths.data()[s] >= 0;
        total += lengths.data()[s];
    }
    is_valid = is_valid && total == static_cast<int64_t>(log_emit.shape(0));
    is_valid = is_valid && (!weights || weights->shape(0) == lengths.shape(0));
    if (!is_valid)
        throw nb::value_error(
            "shapes of log_emit (n, k), lengths (s,) adding up to n, weights (s,), init (k,), trans (k, k), stays "
            "(k, d) disagree");
    return {log_emit.data(), static_cast<long>(log_emit.shape(0)), static_cast<int>(k), lengths.data(),
            static_cast<long>(lengths.shape(0)), weights ? weights->data() : nullptr, init.data(), trans.data(),
            stays.data(), static_cast<int>(stays.shape(1)), censored};
}

static nb::tuple smooth(In<double, 2> log_emit, Lengths lengths, Weights weights, In<double, 1> init,
                        In<double, 2> trans, In<double, 2> stays, bool censored) {
    const StayBatch given = batch(log_emit, lengths, weights, init, trans, stays, censored);
    const size_t n = log_emit.shape(0), k = log_emit.shape(1), d = stays.shape(1);
    auto loglik = fresh({lengths.shape(0)});
    auto first = fresh({k});
    auto moves = fresh({k, k}), ended = fresh({k, d}), cut = fresh({k, d}), resp = fresh({n, k});
    StaySums out{loglik.data(), first.data(), moves.data(), ended.data(), cut.data(), resp.data()};
    {
        nb::gil_scoped_release free;
        table().smooth(given, out);
    }
    return nb::make_tuple(loglik, first, moves, ended, cut, resp, out.bad_sequence, out.bad_step);
}

static nb::tuple filter(In<double, 2> log_emit, Lengths lengths, In<double, 1> init, In<double, 2> trans,
                        In<double, 2> stays, bool censored, bool keep) {
    const StayBatch given = batch(log_emit, lengths, std::nullopt, init, trans, stays, censored);
    const size_t n = log_emit.shape(0), k = log_emit.shape(1), d = stays.shape(1), s = lengths.shape(0);
    auto loglik = fresh({s});
    auto filtered = fresh({keep ? n : 0, k});
    auto going = fresh({keep ? s : 0, k, d});
    int64_t bad_sequence = -1, bad_step = -1;
    {
        nb::gil_scoped_release free;
        table().filter(given, loglik.data(), keep ? filtered.data() : nullptr, keep ? going.data() : nullptr,
                       &bad_sequence, &bad_step);
    }
    return nb::make_tuple(loglik, filtered, going, bad_sequence, bad_step);
}

static nb::tuple viterbi(In<double, 2> log_emit, Lengths lengths, In<double, 1> init, In<double, 2> trans,
                         In<double, 2> stays, bool censored) {
    const StayBatch given = batch(log_emit, lengths, std::nullopt, init, trans, stays, censored);
    auto states = fresh<int32_t>({log_emit.shape(0)});
    auto log_joint = fresh({lengths.shape(0)});
    {
        nb::gil_scoped_release free;
        table().viterbi(given, states.data(), log_joint.data());
    }
    return nb::make_tuple(states, log_joint);
}

void bind_hsmm(nb::module_& m) {
    using namespace nb::literals;
    const auto e = "log_emit"_a.noconvert(), l = "lengths"_a.noconvert(), i = "init"_a.noconvert(),
               t = "trans"_a.noconvert(), d = "stays"_a.noconvert();
    m.def("hsmm_smooth", smooth, e, l, "weights"_a.noconvert().none(), i, t, d, "censored"_a);
    m.def("hsmm_filter", filter, e, l, i, t, d, "censored"_a, "keep"_a);
    m.def("hsmm_viterbi", viterbi, e, l, i, t, d, "censored"_a);
}

}  // namespace emkit
