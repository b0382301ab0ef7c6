#include <cstdint>

#include "bind/common.hpp"
#include "kernels/hmm_api.hpp"

namespace emkit {

static const HmmTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::hmm_table;
    if (active_isa() == Isa::avx2) return avx2::hmm_table;
#endif
    return baseline::hmm_table;
}

using Lengths = In<int64_t, 1>;
using Vector = std::optional<In<double, 1>>;

static const double* data(const Vector& v) { return v ? v->data() : nullptr; }

static Batch batch(const In<double, 2>& log_emit, const Lengths& lengths, const Weights& weights,
                   const In<double, 1>& init, const In<double, 2>& trans, const Vector& entry, const Vector& exit) {
    const size_t k = log_emit.shape(1);
    int64_t total = 0;
    bool is_valid = k > 0 && k <= 65536 && init.shape(0) == k && trans.shape(0) == k && trans.shape(1) == k;
    for (size_t s = 0; s < lengths.shape(0); s++) {
        is_valid = is_valid && lengths.data()[s] >= 0;
        total += lengths.data()[s];
    }
    is_valid = is_valid && total == static_cast<int64_t>(log_emit.shape(0));
    is_valid = is_valid && (!weights || weights->shape(0) == lengths.shape(0));
    is_valid = is_valid && (!entry || entry->shape(0) == k) && (!exit || exit->shape(0) == k);
    if (!is_valid)
        throw nb::value_error(
            "shapes of log_emit (n, k), lengths (s,) adding up to n, weights (s,), init (k,), trans (k, k) disagree");
    return {log_emit.data(), static_cast<long>(log_emit.shape(0)), static_cast<int>(k), lengths.data(),
            static_cast<long>(lengths.shape(0)), data(weights), init.data(), trans.data(), data(entry), data(exit)};
}

static nb::tuple smooth(In<double, 2> log_emit, Lengths lengths, Weights weights, In<double, 1> init,
                        In<double, 2> trans, Vector entry, Vector exit) {
    const Batch given = batch(log_emit, lengths, weights, init, trans, entry, exit);
    const size_t n = log_emit.shape(0), k = log_emit.shape(1);
    auto loglik = fresh({lengths.shape(0)});
    auto first = fresh({k}), last = fresh({k}), carry = fresh({k});
    auto moves = fresh({k, k});
    auto resp = fresh({n, k});
    for (size_t j = 0; j < k; j++) carry.data()[j] = 1.0;
    SmoothSums out{loglik.data(), first.data(), moves.data(), resp.data(), last.data(), carry.data(), {}};
    {
        nb::gil_scoped_release free;
        table().smooth(given, out);
    }
    return nb::make_tuple(loglik, first, moves, resp, last, carry, out.impossible.sequence, out.impossible.step);
}

static nb::tuple filter(In<double, 2> log_emit, Lengths lengths, In<double, 1> init, In<double, 2> trans, Vector entry,
                        bool keep) {
    const Batch given = batch(log_emit, lengths, std::nullopt, init, trans, entry, std::nullopt);
    const size_t n = log_emit.shape(0), k = log_emit.shape(1);
    auto loglik = fresh({lengths.shape(0)});
    auto last = fresh({k});
    auto filtered = fresh({keep ? n : 0, k});
    Impossible impossible;
    {
        nb::gil_scoped_release free;
        table().filter(given, loglik.data(), keep ? filtered.data() : nullptr, last.data(), impossible);
    }
    return nb::make_tuple(loglik, filtered, last, impossible.sequence, impossible.step);
}

static nb::tuple viterbi(In<double, 2> log_emit, Lengths lengths, In<double, 1> init, In<double, 2> trans) {
    const Batch given = batch(log_emit, lengths, std::nullopt, init, trans, std::nullopt, std::nullopt);
    auto states = fresh<int32_t>({log_emit.shape(0)});
    auto log_joint = fresh({lengths.shape(0)});
    {
        nb::gil_scoped_release free;
        table().viterbi(given, states.data(), log_joint.data());
    }
    return nb::make_tuple(states, log_joint);
}

static nb::ndarray<nb::numpy, int32_t> draw(In<double, 2> filtered, Lengths lengths, In<double, 2> trans,
                                            In<double, 1> uniforms) {
    const size_t k = trans.shape(0);
    if (uniforms.shape(0) != filtered.shape(0)) throw nb::value_error("uniforms must have one entry per row");
    const In<double, 1> none(trans.data(), {k}, nb::handle());
    const Batch given = batch(filtered, lengths, std::nullopt, none, trans, std::nullopt, std::nullopt);
    auto states = fresh<int32_t>({filtered.shape(0)});
    {
        nb::gil_scoped_release free;
        table().draw(given, filtered.data(), uniforms.data(), states.data());
    }
    return states;
}

void bind_hmm(nb::module_& m) {
    using namespace nb::literals;
    const auto e = "log_emit"_a.noconvert(), l = "lengths"_a.noconvert(), i = "init"_a.noconvert(),
               t = "trans"_a.noconvert();
    m.def("hmm_smooth", smooth, e, l, "weights"_a.noconvert().none(), i, t, "entry"_a.noconvert().none(),
          "leave"_a.noconvert().none());
    m.def("hmm_filter", filter, e, l, i, t, "entry"_a.noconvert().none(), "keep"_a);
    m.def("hmm_viterbi", viterbi, e, l, i, t);
    m.def("hmm_draw", draw, "filtered"_a.noconvert(), l, t, "uniforms"_a.noconvert());
}

}  // namespace emkit
