// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/sparse_classes.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const SparseClassesTable sparse_classes_table = {sparse_classes_moments};

}  // namespace EMKIT_ISA
}  // namespace emkit
