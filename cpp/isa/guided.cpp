// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/guided.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const GuidedTable guided_table = {guided_forward, guided_backward, guided_best, guided_draw};

}  // namespace EMKIT_ISA
}  // namespace emkit
