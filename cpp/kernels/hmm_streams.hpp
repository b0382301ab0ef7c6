// Smoothing by streams: which batches it serves, and spans of one sequence that is too long to be held at once.
#pragma once

#include "kernels/hmm_api.hpp"
#include "kernels/hmm_cut.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr long LEAST_ROWS = 256;     // below, a pass is over before streams have paid
constexpr double MOST_IDLE = 1.25;   // steps of all streams for each row, where whole sequences make streams

static bool is_dense(const double* trans, int k) {
    for (int i = 0; i < k * k; i++)
        if (!(trans[i] >= LEAST_ENTRY)) return false;
    return true;
}

// Transfers cost more than waiting does where states are many for the width of the vectors.
static bool is_cut_paying(int k) { return k >= 2 && k <= 8 && k * k <= 8 * W; }

template <template <int> class Call, class... Arguments>
static bool by_number(int k, Arguments&&... arguments) {
    switch (k) {
        case 2: return Call<2>::run(arguments...);
        case 3: return Call<3>::run(arguments...);
        case 4: return Call<4>::run(arguments...);
        case 5: return Call<5>::run(arguments...);
        case 6: return Call<6>::run(arguments...);
        case 7: return Call<7>::run(arguments...);
        case 8: return Call<8>::run(arguments...);
        default: return false;
    }
}

// Put whole sequences together to streams of about equal length. Returns the steps of the longest.
static long whole_streams(const Batch& batch, const SmoothSums& out, Stream* streams, int n_streams) {
    const long n = batch.n;
    long s = 0, row = 0, longest = 0;
    for (int l = 0; l < n_streams; l++) {
        Stream& stream = streams[l];
        const long first = s, begin = row, goal = n * (l + 1) / n_streams;
        while (s < batch.n_sequences && (l == n_streams - 1 || row + batch.lengths[s] / 2 < goal)) row += batch.lengths[s++];
        stream = Stream{};
        stream.lengths = batch.lengths + first, stream.count = s - first, stream.length = row - begin;
        stream.weights = batch.weights == nullptr ? nullptr : batch.weights + first;
        stream.loglik = out.loglik + first;
        stream.rows = batch.log_emit + begin * batch.k, stream.resp = out.resp + begin * batch.k;
        longest = larger(longest, stream.length);
    }
    return longest;
}

template <int K>
struct SmoothWhole {
    static bool run(const Batch& batch, SmoothSums& out) {
        Stream plan[Streams<K>::C];
        const long steps = whole_streams(batch, out, plan, Streams<K>::C);
        if (static_cast<double>(steps) * Streams<K>::C > MOST_IDLE * static_cast<double>(batch.n)) return false;
        Unset u(static_cast<size_t>(steps) * Streams<K>::STEP);
        Streams<K> streams(batch.init, batch.trans, steps, u.data());
        int last = 0;
        for (int l = 0; l < Streams<K>::C; l++) {
            streams.streams[l] = plan[l];
            if (plan[l].length > 0) last = l;
        }
        if (!streams.forward()) return false;
        streams.last(last, out.last);
        streams.backward(1.0, out.first, out.moves);
        return true;
    }
};

template <int K>
struct SmoothCut {
    static bool run(const Batch& batch, SmoothSums& out) {
        using S = Cut<K>;
        const long steps = (batch.n + S::C - 1) / S::C;
        Unset u(static_cast<size_t>(steps) * S::STEP), transfers(S::C * K * K);
        double shift[S::C];
        S streams(batch.init, batch.trans, steps, u.data());
        streams.cut(batch.log_emit, batch.n, out.resp);
        if (!streams.transfers(false, shift, transfers.data())) return false;
        streams.link(transfers.data(), nullptr, nullptr);
        streams.forward(shift);
        out.loglik[0] = streams.loglik_of_cut();
        streams.last(S::C - 1, out.last);
        streams.backward(batch.weights == nullptr ? 1.0 : batch.weights[0], out.first, out.moves);
        return true;
    }
};

// False where this is not the way, or a row is lost: nothing is then known.
static bool smooth_in_streams(const Batch& batch, SmoothSums& out) {
    if (batch.entry != nullptr || batch.exit != nullptr || batch.n < LEAST_ROWS || !is_dense(batch.trans, batch.k))
        return false;
    std::memset(out.first, 0, batch.k * sizeof(double));
    std::memset(out.moves, 0, sizeof(double) * batch.k * batch.k);
    if (batch.n_sequences > 1) return by_number<SmoothWhole>(batch.k, batch, out);
    if (!is_cut_paying(batch.k) || (batch.weights != nullptr && batch.weights[0] == 0.0)) return false;
    return by_number<SmoothCut>(batch.k, batch, out);
}

// --- spans: rows of one sequence that is cut into several calls ---

template <int K>
struct Spread {
    static bool run(const Span& span, double* u, double* transfers, double* shift, double* whole) {
        using S = Cut<K>;
        S streams(span.init, span.trans, (span.n + S::C - 1) / S::C, u);
        streams.cut(span.log_emit, span.n, nullptr);
        if (!streams.transfers(span.init == nullptr, shift, transfers)) return false;
        std::memcpy(whole, transfers, sizeof(double) * K * K);
        for (int l = 1; l < S::C; l++) multiply(whole, transfers + l * K * K);
        return true;
    }

    // M = M N, up to a factor.
    static void multiply(double* M, const double* N) {
        double product[K * K], most = 0.0;
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++) {
                double sum = 0.0;
                for (int h = 0; h < K; h++) sum += M[i * K + h] * N[h * K + j];
                product[i * K + j] = sum, most = larger(most, sum);
            }
        for (int i = 0; i < K * K; i++) M[i] = product[i] / most;
    }
};

template <int K>
struct SmoothSpan {
    static bool run(const Span& span, double* u, const double* transfers, const double* shift, double weight,
                    const double* entry, const double* exit, SmoothSums& out) {
        using S = Cut<K>;
        S streams(span.init, span.trans, (span.n + S::C - 1) / S::C, u);
        streams.cut(nullptr, span.n, out.resp);
        streams.link(transfers, entry, exit);
        streams.forward(shift);
        out.loglik[0] = streams.loglik_of_cut();
        std::memset(out.first, 0, K * sizeof(double));
        std::memset(out.moves, 0, sizeof(double) * K * K);
        streams.backward(weight, out.first, out.moves);
        return true;
    }
};

static int hmm_span_streams(const double* trans, int k) { return is_cut_paying(k) && is_dense(trans, k) ? 2 * W : 0; }

static bool hmm_spread(const Span& span, double* u, double* transfers, double* shift, double* whole) {
    return by_number<Spread>(span.k, span, u, transfers, shift, whole);
}

static void hmm_smooth_span(const Span& span, double* u, const double* transfers, const double* shift, double weight,
                            const double* entry, const double* exit, SmoothSums& out) {
    by_number<SmoothSpan>(span.k, span, u, transfers, shift, weight, entry, exit, out);
}

}  // namespace EMKIT_ISA
}  // namespace emkit
