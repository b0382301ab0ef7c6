// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/normal_patterns.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const NormalTable normal_table = {normal_sums<double>, normal_sums<float>, normal_fill<double>, normal_fill<float>};

}  // namespace EMKIT_ISA
}  // namespace emkit
