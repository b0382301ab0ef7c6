#include <cstdint>

#include "bind/common.hpp"
#include "kernels/quadrature_api.hpp"

namespace emkit {

static const QuadratureTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::quadrature_table;
    if (active_isa() == Isa::avx2) return avx2::quadrature_table;
#endif
    return baseline::quadrature_table;
}

using Groups = std::optional<In<int32_t, 1>>;

static Answers answers(const In<uint8_t, 2>& codes, const In<int32_t, 1>& first, const Groups& group, size_t groups) {
    const size_t n = codes.shape(0), items = codes.shape(1);
    if (first.shape(0) != items + 1) throw nb::value_error("first must have one entry per item and one more");
    int32_t before = first.data()[0];
    if (before != 0) throw nb::value_error("first must begin at zero");
    for (size_t j = 1; j <= items; j++) {
        const int32_t size = first.data()[j] - before;
        if (size < 0 || size > 255) throw nb::value_error("items must have 0 to 255 categories");
        before = first.data()[j];
    }
    if (group) {
        if (group->shape(0) != n) throw nb::value_error("group must have one entry per row");
        for (size_t i = 0; i < n; i++)
            if (group->data()[i] < 0 || static_cast<size_t>(group->data()[i]) >= groups)
                throw nb::value_error("group must be a row of log_prior");
    }
    return Answers{codes.data(), first.data(), group ? group->data() : nullptr, static_cast<long>(n), static_cast<int>(items)};
}

static Nodes nodes(const In<double, 2>& log_prob, const In<double, 2>& log_prior, const Answers& a) {
    if (log_prob.shape(0) != static_cast<size_t>(a.first[a.items]) || log_prob.shape(1) != log_prior.shape(1) ||
        log_prior.shape(0) == 0 || log_prior.shape(1) == 0)
        throw nb::value_error("shapes of table (categories, q), first (items + 1,) and log_prior (groups, q) disagree");
    return Nodes{log_prob.data(), log_prior.data(), static_cast<long>(log_prior.shape(0)),
                 static_cast<int>(log_prior.shape(1))};
}

static nb::tuple counts(In<uint8_t, 2> codes, Weights weights, Groups group, In<double, 2> log_prob, In<int32_t, 1> first,
                        In<double, 2> log_prior) {
    const Answers a = answers(codes, first, group, log_prior.shape(0));
    const Nodes at = nodes(log_prob, log_prior, a);
    if (weights && weights->shape(0) != codes.shape(0)) throw nb::value_error("weights must have one entry per row");
    auto out = fresh({log_prob.shape(0), log_prob.shape(1)});
    auto mass = fresh({log_prior.shape(0), log_prior.shape(1)});
    double loglik = 0.0;
    {
        nb::gil_scoped_release free;
        table().counts(a, at, weights ? weights->data() : nullptr, &loglik, out.data(), mass.data());
    }
    return nb::make_tuple(loglik, out, mass);
}

static nb::ndarray<nb::numpy, double> joint(In<uint8_t, 2> codes, Groups group, In<double, 2> log_prob,
                                            In<int32_t, 1> first, In<double, 2> log_prior) {
    const Answers a = answers(codes, first, group, log_prior.shape(0));
    const Nodes at = nodes(log_prob, log_prior, a);
    auto out = fresh({codes.shape(0), log_prior.shape(1)});
    {
        nb::gil_scoped_release free;
        table().joint(a, at, out.data());
    }
    return out;
}

static nb::ndarray<nb::numpy, double> scatter(In<uint8_t, 2> codes, In<double, 2> values, In<int32_t, 1> first) {
    const Answers a = answers(codes, first, std::nullopt, 0);
    if (values.shape(0) != codes.shape(0)) throw nb::value_error("values must have one row per row of codes");
    auto out = fresh({static_cast<size_t>(a.first[a.items]), values.shape(1)});
    {
        nb::gil_scoped_release free;
        table().scatter(a, values.data(), static_cast<int>(values.shape(1)), out.data());
    }
    return out;
}

void bind_quadrature(nb::module_& m) {
    using namespace nb::literals;
    m.def("quadrature_counts", counts, "codes"_a.noconvert(), "weights"_a.noconvert().none(),
          "group"_a.noconvert().none(), "table"_a.noconvert(), "first"_a.noconvert(), "log_prior"_a.noconvert());
    m.def("quadrature_joint", joint, "codes"_a.noconvert(), "group"_a.noconvert().none(), "table"_a.noconvert(),
          "first"_a.noconvert(), "log_prior"_a.noconvert());
    m.def("quadrature_scatter", scatter, "codes"_a.noconvert(), "values"_a.noconvert(), "first"_a.noconvert());
}

}  // namespace emkit
