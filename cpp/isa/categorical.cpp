// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/categorical.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const CategoricalTable categorical_table = {
    categorical_bytes<double>, categorical_bytes<float>, categorical_check,
    categorical_moments,       categorical_joint,        categorical_counts,
};

}  // namespace EMKIT_ISA
}  // namespace emkit
