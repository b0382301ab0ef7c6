#include <cstdint>
#include <new>
#include <type_traits>

#include "bind/common.hpp"
#include "kernels/categorical_api.hpp"

namespace emkit {

static const CategoricalTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::categorical_table;
    if (active_isa() == Isa::avx2) return avx2::categorical_table;
#endif
    return baseline::categorical_table;
}

using Codes = In<uint8_t, 2>;
using Levels = In<int32_t, 1>;

// The answers, checked: a code beyond its item would be read from outside the table.
static Answered checked(const Codes& codes, const Levels& levels, size_t k) {
    const size_t n = codes.shape(0), d = codes.shape(1);
    if (levels.shape(0) != d || k == 0) throw nb::value_error("shapes of codes (n, d) and levels (d,) disagree");
    for (size_t j = 0; j < d; j++)
        if (levels.data()[j] < 0 || levels.data()[j] > 255) throw nb::value_error("levels must be 0 to 255");
    const Answered answers{codes.data(), levels.data(), static_cast<long>(n), static_cast<int>(d), static_cast<int>(k)};
    const int status = table().check(answers);
    if (status < 0) throw std::bad_alloc();
    if (status > 0) throw nb::value_error("codes must be from 0 to the number of levels of their item");
    return answers;
}

static size_t total_of(const Levels& levels) {
    size_t total = 0;
    for (size_t j = 0; j < levels.shape(0); j++) total += levels.data()[j];
    return total;
}

static void check_table(const In<double, 2>& log_prob, const Levels& levels, size_t k) {
    if (log_prob.shape(0) != total_of(levels) || log_prob.shape(1) != k)
        throw nb::value_error("log_prob must have shape (sum of levels, k)");
}

static nb::tuple moments(Codes codes, Levels levels, Weights weights, In<double, 1> log_mix, In<double, 2> log_prob) {
    const size_t k = log_mix.shape(0);
    const Answered answers = checked(codes, levels, k);
    check_table(log_prob, levels, k);
    if (weights && weights->shape(0) != codes.shape(0)) throw nb::value_error("weights must have one entry per row");
    auto count = fresh({k});
    auto counts = fresh({total_of(levels), k});
    double loglik = 0.0;
    int failed;
    {
        nb::gil_scoped_release free;
        failed = table().moments(answers, weights ? weights->data() : nullptr, log_mix.data(), log_prob.data(), &loglik,
                                 count.data(), counts.data());
    }
    if (failed) throw std::bad_alloc();
    return nb::make_tuple(loglik, count, counts);
}

static nb::ndarray<nb::numpy, double> joint(Codes codes, Levels levels, In<double, 1> log_mix, In<double, 2> log_prob) {
    const size_t k = log_mix.shape(0);
    const Answered answers = checked(codes, levels, k);
    check_table(log_prob, levels, k);
    auto out = fresh({codes.shape(0), k});
    int failed;
    {
        nb::gil_scoped_release free;
        failed = table().joint(answers, log_mix.data(), log_prob.data(), out.data());
    }
    if (failed) throw std::bad_alloc();
    return out;
}

static nb::ndarray<nb::numpy, double> counts(Codes codes, Levels levels, In<double, 2> resp) {
    const size_t k = resp.shape(1);
    const Answered answers = checked(codes, levels, k);
    if (resp.shape(0) != codes.shape(0)) throw nb::value_error("resp must have one row per row of codes");
    auto out = fresh({total_of(levels), k});
    int failed;
    {
        nb::gil_scoped_release free;
        failed = table().counts(answers, resp.data(), out.data());
    }
    if (failed) throw std::bad_alloc();
    return out;
}

template <typename T>
static std::optional<nb::tuple> bytes(In<T, 2> X) {
    auto codes = fresh<uint8_t>({X.shape(0), X.shape(1)}), seen = fresh<uint8_t>({X.shape(1), 256});
    int other;
    {
        nb::gil_scoped_release free;
        const long n = static_cast<long>(X.shape(0));
        const int d = static_cast<int>(X.shape(1));
        if constexpr (std::is_same_v<T, float>) other = table().bytes_f32(X.data(), n, d, codes.data(), seen.data());
        else other = table().bytes_f64(X.data(), n, d, codes.data(), seen.data());
    }
    if (other) return std::nullopt;
    return nb::make_tuple(codes, seen);
}

void bind_categorical(nb::module_& m) {
    using namespace nb::literals;
    m.def("categorical_bytes", bytes<double>, "X"_a.noconvert());
    m.def("categorical_bytes", bytes<float>, "X"_a.noconvert());
    m.def("categorical_moments", moments, "codes"_a.noconvert(), "levels"_a.noconvert(), "weights"_a.noconvert().none(),
          "log_mix"_a.noconvert(), "log_prob"_a.noconvert());
    m.def("categorical_log_joint", joint, "codes"_a.noconvert(), "levels"_a.noconvert(), "log_mix"_a.noconvert(),
          "log_prob"_a.noconvert());
    m.def("categorical_counts", counts, "codes"_a.noconvert(), "levels"_a.noconvert(), "resp"_a.noconvert());
}

}  // namespace emkit
