// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/moments.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const MomentsTable moments_table = {sum_by_code, sum_products};

}  // namespace EMKIT_ISA
}  // namespace emkit
