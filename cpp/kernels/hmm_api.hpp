// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

// A batch of sequences, one after another, and the chain that they share.
struct Batch {
    const double* log_emit;    // (n, k) log-density of each row under each state; -infinity where impossible
    long n;                    // rows of all sequences
    int k;                     // states
    const int64_t* lengths;    // (s,) rows of each sequence, adding up to n
    long n_sequences;          // s
    const double* weights;     // (s,) case weights, or null
    const double* init;        // (k,)
    const double* trans;       // (k, k), rows add up to one; exact zeros are structural
    const double* entry;       // (k,) filtered probabilities before the first row, or null: then it begins a sequence
    const double* exit;        // (k,) backward factors after the last row, or null: then it ends its sequence
};

// Where the probability of the observations first became zero under every path; sequence -1 for nowhere.
struct Impossible {
    int64_t sequence = -1, step = -1;
};

struct SmoothSums {
    double* loglik;     // (s,) unweighted
    double* first;      // (k,) weighted posterior of the first row of each sequence that begins here
    double* moves;      // (k, k) weighted expected transitions
    double* resp;       // (n, k) weighted posterior
    double* last;       // (k,) filtered probabilities of the last row
    double* carry;      // (k,) backward factors for the row before the first, where there is an entry
    Impossible impossible;
};

// Rows of one sequence that is cut into several calls.
struct Span {
    const double* log_emit;  // (n, k), or null once it is spread
    long n;
    int k;
    const double* init;      // (k,) where the sequence begins here, else null
    const double* trans;     // (k, k) without zeros
};

struct HmmTable {
    // status: 0, or 1 where memory is short
    int (*smooth)(const Batch&, SmoothSums&);
    // Into how many streams c a span is cut; 0 where transitions or number of states do not allow it.
    int (*span_streams)(const double* trans, int k);
    // Scaled emissions u (ceil(n / c), k, c), transfers (c, k, k), row maxima, summed (c,), and the transfer of the whole
    // span (k, k). False where a row is lost.
    bool (*spread)(const Span&, double* u, double* transfers, double* shift, double* whole);
    // Smooth a span that is spread, between what enters and what leaves it, or null. Overwrites u.
    void (*smooth_span)(const Span&, double* u, const double* transfers, const double* shift, double weight,
                        const double* entry, const double* exit, SmoothSums&);
    // filtered (n, k) or null
    int (*filter)(const Batch&, double* loglik, double* filtered, double* last, Impossible&);
    // states (n,) of the best path of each sequence and its log joint probability (s,)
    int (*viterbi)(const Batch&, int32_t* states, double* log_joint);
    // states (n,) of one path of each sequence drawn from the posterior, from filtered (n, k) and uniforms (n,)
    void (*draw)(const Batch&, const double* filtered, const double* uniforms, int32_t* states);
};

namespace baseline { extern const HmmTable hmm_table; }
namespace avx2 { extern const HmmTable hmm_table; }
namespace avx512 { extern const HmmTable hmm_table; }

}  // namespace emkit
