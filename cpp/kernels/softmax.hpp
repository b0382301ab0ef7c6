// Log-density (n,) and responsibilities (n, k) from log joint densities (n, k). `resp` may be `joint` itself.
#pragma once

#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

static void softmax_rows(const double* joint, long n, int k, double* log_density, double* resp) {
    for (long r = 0; r < n; r++) {
        const double* in = joint + r * k;
        double* out = resp + r * k;
        double top = in[0];
        for (int c = 1; c < k; c++) top = in[c] > top ? in[c] : top;
        if (!(top > -INF)) {  // impossible under every component: no component is preferred, the density is zero
            for (int c = 0; c < k; c++) out[c] = 1.0 / k;
            log_density[r] = top;
            continue;
        }
        double sum = 0.0;
        int c = 0;
        for (; c + W <= k; c += W) {
            const vd e = exp_nonpositive(load(in + c) - set1(top));
            store(out + c, e);
            sum += hsum(e);
        }
        if (c < k) {
            vd tail = set1(-INF);
            for (int b = 0; c + b < k; b++) tail[b] = in[c + b] - top;
            const vd e = exp_nonpositive(tail);
            for (int b = 0; c + b < k; b++) out[c + b] = e[b];
            sum += hsum(e);
        }
        for (c = 0; c < k; c++) out[c] /= sum;
        log_density[r] = top + std::log(sum);
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
