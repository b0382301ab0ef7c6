// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/gaussian_climb.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const ClimbTable climb_table = {climb<double>, climb<float>};

}  // namespace EMKIT_ISA
}  // namespace emkit
