#include <new>
#include <type_traits>

#include "bind/common.hpp"
#include "kernels/gaussian_climb_api.hpp"

namespace emkit {

using Changed = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

static const ClimbTable& table() {
#if defined(EMKIT_X86)
    if (active_isa() == Isa::avx512) return avx512::climb_table;
    if (active_isa() == Isa::avx2) return avx2::climb_table;
#endif
    return baseline::climb_table;
}

static Structure structure_of(int form, bool is_shared, size_t k, size_t d) {
    if (form < 0 || form > 6 || k == 0 || d == 0) throw nb::value_error("form must be 0 to 6, k and d positive");
    return Structure{static_cast<Form>(form), is_shared, static_cast<int>(d), static_cast<int>(k)};
}

template <typename T>
static nb::tuple run(In<T, 2> X, Weights weights, In<double, 1> floor, int form, bool is_shared, Changed state,
                     Changed memory, int k, int n_steps, bool is_fast, double enough) {
    const size_t n = X.shape(0), d = X.shape(1);
    const Structure structure = structure_of(form, is_shared, static_cast<size_t>(k > 0 ? k : 0), d);
    if (state.shape(0) != ClimbState::size(structure) || memory.shape(0) != ClimbMemory::size(structure) ||
        floor.shape(0) != d || (weights && weights->shape(0) != n) || n_steps < 0)
        throw nb::value_error("state, memory, floor (d,) or weights (n,) have another size than form, k and X ask for");
    auto steps = fresh({static_cast<size_t>(n_steps), 3});
    ClimbCourse course{n_steps, is_fast, enough, steps.data()};
    int status;
    {
        nb::gil_scoped_release free;
        const ClimbRows<T> rows{X.data(), weights ? weights->data() : nullptr, static_cast<long>(n), floor.data()};
        const ClimbState at(state.data(), structure);
        const ClimbMemory held(memory.data(), structure);
        if constexpr (std::is_same_v<T, float>)
            status = table().climb_f32(rows, structure, at, held, course);
        else
            status = table().climb_f64(rows, structure, at, held, course);
    }
    if (status != 0) throw std::bad_alloc();
    return nb::make_tuple(course.n_done, steps);
}

static nb::tuple sizes(int form, bool is_shared, int k, int d) {
    const Structure structure = structure_of(form, is_shared, k, d);
    return nb::make_tuple(ClimbState::size(structure), ClimbMemory::size(structure));
}

template <typename T>
static void bind_dtype(nb::module_& m) {
    using namespace nb::literals;
    m.def("gaussian_climb", run<T>, "X"_a.noconvert(), "weights"_a.noconvert().none(), "floor"_a.noconvert(), "form"_a,
          "is_shared"_a, "state"_a.noconvert(), "memory"_a.noconvert(), "k"_a, "n_steps"_a, "is_fast"_a, "enough"_a);
}

void bind_gaussian_climb(nb::module_& m) {
    bind_dtype<double>(m);
    bind_dtype<float>(m);
    m.def("gaussian_climb_sizes", sizes);
}

}  // namespace emkit
