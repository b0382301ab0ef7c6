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

static bool can_spread(In<double, 2> trans) {
    const size_t k = trans.shape(0);
    if (trans.shape(1) != k) throw nb::value_error("trans must be square");
    return k <= 65536 && table().span_streams(trans.data(), static_cast<int>(k)) > 0;
}

static Span span_of(size_t n, const In<double, 2>& trans, const Vector& init, const double* log_emit) {
    const size_t k = trans.shape(0);
    if (trans.shape(1) != k || (init && init->shape(0) != k)) throw nb::value_error("shapes of init (k,), trans (k, k) disagree");
    return {log_emit, static_cast<long>(n), static_cast<int>(k), data(init), trans.data()};
}

static nb::tuple spread(In<double, 2> log_emit, Vector init, In<double, 2> trans) {
    const size_t n = log_emit.shape(0), k = log_emit.shape(1);
    const Span span = span_of(n, trans, init, log_emit.data());
    const size_t c = table().span_streams(trans.data(), span.k);
    if (c == 0 || n < c || trans.shape(0) != k)
        throw nb::value_error("a span takes log_emit (n, k) of not too few rows, and few states with transitions above zero");
    auto scaled = fresh({(n + c - 1) / c, k, c}), transfers = fresh({c, k, k}), whole = fresh({k, k}), shift = fresh({c});
    bool is_found;
    {
        nb::gil_scoped_release free;
        is_found = table().spread(span, scaled.data(), transfers.data(), shift.data(), whole.data());
    }
    return nb::make_tuple(n, scaled, transfers, shift, whole, is_found);
}

using Scratch = nb::ndarray<double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

static nb::tuple smooth_span(size_t n, Scratch scaled, In<double, 3> transfers, In<double, 1> shift, double weight,
                             Vector init, In<double, 2> trans, Vector entry, Vector exit) {
    const Span span = span_of(n, trans, init, nullptr);
    const size_t c = table().span_streams(trans.data(), span.k), k = trans.shape(0);
    const bool is_valid = c > 0 && scaled.shape(0) == (n + c - 1) / c && scaled.shape(1) == k && scaled.shape(2) == c &&
                          transfers.shape(0) == c && transfers.shape(1) == k && transfers.shape(2) == k &&
                          shift.shape(0) == c && (!entry || entry->shape(0) == k) && (!exit || exit->shape(0) == k);
    if (!is_valid) throw nb::value_error("this is not a span that was spread with these transitions");
    auto loglik = fresh({1}), first = fresh({k}), moves = fresh({k, k}), resp = fresh({n, k});
    SmoothSums out{loglik.data(), first.data(), moves.data(), resp.data(), nullptr, nullptr, {}};
    {
        nb::gil_scoped_release free;
        table().smooth_span(span, scaled.data(), transfers.data(), shift.data(), weight, data(entry), data(exit), out);
    }
    return nb::make_tuple(loglik, first, moves, resp);
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
    m.def("hmm_can_spread", can_spread, t);
    m.def("hmm_spread", spread, e, "init"_a.noconvert().none(), t);
    m.def("hmm_smooth_span", smooth_span, "n"_a, "scaled"_a.noconvert(), "transfers"_a.noconvert(),
          "shift"_a.noconvert(), "weight"_a, "init"_a.noconvert().none(), t, "entry"_a.noconvert().none(),
          "leave"_a.noconvert().none());
    m.def("hmm_filter", filter, e, l, i, t, "entry"_a.noconvert().none(), "keep"_a);
    m.def("hmm_viterbi", viterbi, e, l, i, t);
    m.def("hmm_draw", draw, "filtered"_a.noconvert(), l, t, "uniforms"_a.noconvert());
}

}  // namespace emkit
