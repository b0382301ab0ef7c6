// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/kmeans.hpp"
#include "kernels/kmeans_improve.hpp"
#include "kernels/kmeans_start.hpp"

namespace emkit {
namespace EMKIT_ISA {

template <typename T>
static KMeansFunctions<T> functions() {
    return {kmeans_assign<T>, kmeans_pass<T>, kmeans_seed<T>, kmeans_improve<T>};
}

extern const KMeansTable kmeans_table = {functions<double>(), functions<float>(), kmeans_half_gaps, kmeans_line};

}  // namespace EMKIT_ISA
}  // namespace emkit
