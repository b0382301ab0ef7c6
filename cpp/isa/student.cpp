// Compiled once per instruction set, with EMKIT_ISA naming it.
#include "kernels/student.hpp"

namespace emkit {
namespace EMKIT_ISA {

extern const StudentTable student_table = {
    student_moments<double>, student_moments<float>, student_rows<double>, student_rows<float>,
};

}  // namespace EMKIT_ISA
}  // namespace emkit
