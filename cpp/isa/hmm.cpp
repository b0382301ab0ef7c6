// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/hmm.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const HmmTable hmm_table = {hmm_smooth, hmm_span_streams, hmm_spread, hmm_smooth_span,
                                   hmm_filter, hmm_viterbi, hmm_draw};

}  // namespace EMKIT_ISA
}  // namespace emkit
