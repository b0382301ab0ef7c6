#include <cmath>
#include <cstdint>
#include <cstring>

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

using Rows = In<double, 2>;
using Row = In<double, 1>;
using Moves = In<double, 3>;

static GuidedRun checked(const Rows& log_emit, const Moves& log_into) {
    const size_t n = log_emit.shape(0), k = log_emit.shape(1), m = log_into.shape(0);
    if (k == 0 || (m != n && m != 1) || log_into.shape(1) != k || log_into.shape(2) != k)
        throw nb::value_error("shapes of log_emit (n, k) and log_into (n, k, k) or (1, k, k) disagree");
    return {log_emit.data(), log_into.data(), static_cast<long>(n), static_cast<int>(k), m == 1 && n != 1};
}

static void require(bool is_right, const char* message) {
    if (!is_right) throw nb::value_error(message);
}

static nb::tuple forward(Rows log_emit, Moves log_into, Row entry) {
    const GuidedRun run = checked(log_emit, log_into);
    const size_t n = log_emit.shape(0), k = log_emit.shape(1);
    require(entry.shape(0) == k, "entry must have shape (k,)");
    auto log_alpha = fresh({n, k}), log_gain = fresh({n});
    {
        nb::gil_scoped_release free;
        table().forward(run, entry.data(), log_alpha.data(), log_gain.data());
    }
    return nb::make_tuple(log_alpha, log_gain);
}

static nb::tuple backward(Rows log_emit, Moves log_into, Row entry, Rows log_alpha, Row log_gain, Row leave) {
    const GuidedRun run = checked(log_emit, log_into);
    const size_t n = log_emit.shape(0), k = log_emit.shape(1);
    require(entry.shape(0) == k && leave.shape(0) == k, "entry and leave must have shape (k,)");
    require(log_alpha.shape(0) == n && log_alpha.shape(1) == k && log_gain.shape(0) == n,
            "log_alpha (n, k) and log_gain (n,) must be those of the same rows");
    auto resp = fresh({n, k}), moves = fresh({n, k, k}), carry = fresh({k});
    {
        nb::gil_scoped_release free;
        table().backward(run, entry.data(), log_alpha.data(), log_gain.data(), leave.data(), resp.data(), moves.data(),
                         carry.data());
    }
    return nb::make_tuple(resp, moves, carry);
}

static nb::tuple best(Rows log_emit, Moves log_into, Rows entry, std::optional<Row> first) {
    const GuidedRun run = checked(log_emit, log_into);
    const size_t n = log_emit.shape(0), k = log_emit.shape(1), m = entry.shape(1);
    require(entry.shape(0) == k && m > 0, "entry must have shape (k, m)");
    require(!first || first->shape(0) == k, "first must have shape (k,)");
    auto back = fresh<int32_t>({n, k, m});
    auto score = fresh({k, m}), shift = fresh({n});
    std::memcpy(score.data(), entry.data(), sizeof(double) * k * m);
    {
        nb::gil_scoped_release free;
        table().best(run, static_cast<int>(m), first ? first->data() : nullptr, score.data(), back.data(), shift.data());
    }
    return nb::make_tuple(back, score, shift);
}

static nb::ndarray<nb::numpy, int32_t> draw(Moves log_into, Rows log_alpha, Row leave, Row uniforms) {
    const GuidedRun run = checked(log_alpha, log_into);
    const size_t n = log_alpha.shape(0), k = log_alpha.shape(1);
    require(leave.shape(0) == k && uniforms.shape(0) == n, "leave must have shape (k,) and uniforms (n,)");
    auto states = fresh<int32_t>({n});
    {
        nb::gil_scoped_release free;
        table().draw(run, log_alpha.data(), leave.data(), uniforms.data(), states.data());
    }
    return states;
}

void bind_guided(nb::module_& m) {
    using namespace nb::literals;
    m.def("guided_forward", forward, "log_emit"_a.noconvert(), "log_into"_a.noconvert(), "entry"_a.noconvert());
    m.def("guided_backward", backward, "log_emit"_a.noconvert(), "log_into"_a.noconvert(), "entry"_a.noconvert(),
          "log_alpha"_a.noconvert(), "log_gain"_a.noconvert(), "leave"_a.noconvert());
    m.def("guided_best", best, "log_emit"_a.noconvert(), "log_into"_a.noconvert(), "entry"_a.noconvert(),
          "first"_a.noconvert().none());
    m.def("guided_draw", draw, "log_into"_a.noconvert(), "log_alpha"_a.noconvert(), "leave"_a.noconvert(),
          "uniforms"_a.noconvert());
}

}  // namespace emkit
