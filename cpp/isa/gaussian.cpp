// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/gaussian.hpp"
#include "kernels/softmax.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const GaussianTable gaussian_table = {
    mixture_moments<double>, mixture_moments<float>, mixture_rows<double>, mixture_rows<float>,
    given_moments<double>,   given_moments<float>,   softmax_rows,         weighted_logsumexp,
};

}  // namespace EMKIT_ISA
}  // namespace emkit
