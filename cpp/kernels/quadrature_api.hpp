// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

struct Answers {
    const uint8_t* codes;   // (n, items); a code that the item does not have is a missing answer
    const int32_t* first;   // (items + 1,): category c of item j is row first[j] + c of `table`
    const int32_t* group;   // (n,) row of `log_prior`, or null: row 0
    long n;
    int items;
};

struct Nodes {
    const double* table;      // (first[items], q): log-probability of each category at each node
    const double* log_prior;  // (groups, q)
    long groups;
    int q;
};

struct QuadratureTable {
    int (*counts)(const Answers&, const Nodes&, const double*, double*, double*, double*);
    int (*joint)(const Answers&, const Nodes&, double*);
    int (*scatter)(const Answers&, const double*, int, double*);
};

namespace baseline { extern const QuadratureTable quadrature_table; }
namespace avx2 { extern const QuadratureTable quadrature_table; }
namespace avx512 { extern const QuadratureTable quadrature_table; }

}  // namespace emkit
