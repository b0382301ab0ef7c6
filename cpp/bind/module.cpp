// The module: chooses the instruction set and registers the kernels.
#include <cstdlib>
#include <cstring>

#include "bind/common.hpp"

namespace emkit {

static Isa best_isa() {
#if defined(EMKIT_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
        return Isa::avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
    return Isa::baseline;
}

Isa active_isa() {
    static const Isa chosen = [] {
        const Isa best = best_isa();
        const char* wish = std::getenv("EMKIT_SIMD");
        if (wish == nullptr) return best;
        const Isa wanted = std::strcmp(wish, "avx512") == 0 ? Isa::avx512
                           : std::strcmp(wish, "avx2") == 0     ? Isa::avx2
                           : std::strcmp(wish, "baseline") == 0 ? Isa::baseline
                                                                : best;
        return wanted < best ? wanted : best;
    }();
    return chosen;
}

void bind_categorical(nb::module_& m);
void bind_covariance(nb::module_& m);
void bind_gaussian(nb::module_& m);
void bind_gaussian_climb(nb::module_& m);
void bind_guided(nb::module_& m);
void bind_hmm(nb::module_& m);
void bind_hsmm(nb::module_& m);
void bind_kmeans(nb::module_& m);
void bind_normal_patterns(nb::module_& m);
void bind_moments(nb::module_& m);
void bind_quadrature(nb::module_& m);
void bind_sparse_classes(nb::module_& m);
void bind_student(nb::module_& m);

}  // namespace emkit

NB_MODULE(_native, m) {
    m.doc() = "Compiled kernels of emkit.";
    m.def("isa", [] {
        const char* names[] = {"baseline", "avx2", "avx512"};
        return names[static_cast<int>(emkit::active_isa())];
    }, "Return the instruction set in use.");
    emkit::bind_categorical(m);
    emkit::bind_covariance(m);
    emkit::bind_gaussian(m);
    emkit::bind_gaussian_climb(m);
    emkit::bind_guided(m);
    emkit::bind_hmm(m);
    emkit::bind_hsmm(m);
    emkit::bind_kmeans(m);
    emkit::bind_normal_patterns(m);
    emkit::bind_moments(m);
    emkit::bind_quadrature(m);
    emkit::bind_sparse_classes(m);
    emkit::bind_student(m);
}
