// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/covariance.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const CovarianceTable covariance_table = {estimate_covariances};

}  // namespace EMKIT_ISA
}  // namespace emkit
