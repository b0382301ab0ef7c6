// One stream of rows, and the way through its pieces, forward and back.
#pragma once

#include <cstdint>

namespace emkit {
namespace EMKIT_ISA {

// What one stream is made of: pieces of rows, each a sequence or a stretch of one, one after another.
struct Stream {
    const int64_t* lengths = nullptr;  // (count,)
    const double* weights = nullptr;   // (count,) or null
    double* loglik = nullptr;          // (count,) out
    const double* rows = nullptr;      // log-densities
    double* resp = nullptr;            // out
    long count = 0, length = 0;        // pieces and rows
    bool is_entered = false;           // whether the first piece goes on where another stream stopped
    // on the way: the present piece, where it begins and where it ends
    long piece = 0, begin = 0, end = 0;

    bool to_first() { return piece = -1, end = 0, to_next(); }
    bool to_last() { return piece = count, begin = length, to_previous(); }
    bool to_next() {
        while (++piece < count && lengths[piece] == 0) loglik[piece] = 0.0;
        begin = end;
        if (piece < count) end = begin + lengths[piece];
        return piece < count;
    }
    bool to_previous() {
        while (--piece >= 0 && lengths[piece] == 0) {}
        end = begin;
        if (piece >= 0) begin = end - lengths[piece];
        return piece >= 0;
    }
};

}  // namespace EMKIT_ISA
}  // namespace emkit
