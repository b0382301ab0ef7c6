// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/quadrature.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const QuadratureTable quadrature_table = {quadrature_counts, quadrature_joint, quadrature_scatter};

}  // namespace EMKIT_ISA
}  // namespace emkit
