// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/hsmm.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const HsmmTable hsmm_table = {hsmm_smooth, hsmm_filter, hsmm_viterbi};

}  // namespace EMKIT_ISA
}  // namespace emkit
