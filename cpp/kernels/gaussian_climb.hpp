// Several EM steps of a Gaussian mixture in one call, for few rows: plain, or accelerated on the expected statistics.
//
// Expected statistics form a vector space in which every structure of covariances has the same shape. One EM step maps
// statistics z to those of an E-step at M(z), g(z), and f = g - z is both its step and, in units of standard deviations,
// nearly the score. So limited-memory BFGS (Nocedal 1980, Math. Comp. 35:773) on z with f in place of the gradient is EM
// with the curvature that it misses learned from the last steps, as in Jamshidian & Jennrich 1997 (JRSS B 59:569, QN2).
// A step that would go down is shortened, and at last replaced by a plain EM step.
#pragma once

#include "kernels/covariance.hpp"
#include "kernels/gaussian.hpp"
#include "kernels/gaussian_climb_memory.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr double NOISE = 16 * 2.220446049250313e-16;  // rounding of a sum of log-densities, relative to its size
constexpr int IN_A_ROW = 3;
constexpr double LENGTHS[] = {1.0, 0.5, 0.2, 0.0};  // then a plain EM step, which cannot fail

// One climb: the state it is in, that of the step it tries, and what lies between.
template <typename T>
class Climber {
public:
    Climber(const ClimbRows<T>& rows, const Structure& s, const ClimbMemory& memory)
        : rows_(rows), s_(s), d_(s.d), k_(s.k), size_(s.is_diagonal() ? d_ : d_ * d_), covariances_(s),
          vector_(s, memory), history_(s, memory), memory_(memory) {}

    size_t memory() const {
        const size_t k = k_, matrices = k * size_, p = ClimbMemory::vector_size(s_);
        return covariances_.memory() + 2 * Arena::padded(ClimbState::size(s_)) + 6 * Arena::padded(matrices) +
               3 * Arena::padded(k * d_) + 3 * Arena::padded(k) + 3 * Arena::padded(p) +
               3 * Arena::padded(size_t(d_) * d_);
    }

    void prepare(Arena& arena, const ClimbState& given) {
        covariances_.prepare(arena);
        const size_t k = k_, matrices = k * size_, p = ClimbMemory::vector_size(s_), room = ClimbState::size(s_);
        here_ = arena.take(room), there_ = arena.take(room);
        std::memcpy(here_, given.mix, sizeof(double) * room);
        cov_ = arena.take(matrices), cov_there_ = arena.take(matrices);
        whiten_ = arena.take(matrices), whiten_there_ = arena.take(matrices), scatter_ = arena.take(matrices);
        log_mix_ = arena.take(k), g_ = arena.take(p), z_ = arena.take(p), step_ = arena.take(p);
        work_ = arena.take(size_t(d_) * d_), more_ = arena.take(size_t(d_) * d_), third_ = arena.take(size_t(d_) * d_);
        covariances_.compose_all(here().parts, cov_);
    }

    void run(const ClimbState& given, ClimbCourse& course) {
        int in_a_row = 0;
        if (!factor(cov_, whiten_)) return;
        for (int step = 0; step < course.n_steps && in_a_row < IN_A_ROW; step++) {
            const double before = *here().objective, noise = noise_of(before);
            double left = NAN;
            n_e_steps_ = 0;
            const bool is_taken = course.is_fast ? fast(left) : plain();
            if (!is_taken) break;
            double* row = course.rows + 3 * course.n_done++;
            row[0] = *here().objective, row[1] = left, row[2] = n_e_steps_;
            if (*here().objective < before - noise) break;
            in_a_row = left < course.enough && *here().objective - before < course.enough ? in_a_row + 1 : 0;
        }
        std::memcpy(given.mix, here_, sizeof(double) * ClimbState::size(s_));
    }

private:
    ClimbState here() const { return ClimbState(here_, s_); }
    ClimbState there() const { return ClimbState(there_, s_); }
    static double noise_of(double objective) {
        const double size = std::fabs(objective);
        return NOISE * (size > 1.0 ? size : 1.0);
    }
    int n_distinct() const { return s_.is_shared && (s_.is_diagonal() ? s_.form != Form::scaled_diagonal : s_.form == Form::full) ? 1 : k_; }

    // A plain EM step; false where the M-step has no answer or the E-step no finite one.
    bool plain() {
        const ClimbState from = here(), to = there();
        double total = 0.0, least = INF;
        for (int c = 0; c < k_; c++) total += from.count[c], least = from.count[c] < least ? from.count[c] : least;
        if (!(least > LEAST_COUNT * total)) return false;
        for (int c = 0; c < k_; c++) {
            const double n = from.count[c], *first = from.first + c * d_, *second = from.second + c * size_;
            to.count[c] = n;
            for (int i = 0; i < d_; i++) {
                to.mean[c * d_ + i] = from.mean[c * d_ + i] + first[i] / n;
                if (s_.is_diagonal()) scatter_[c * d_ + i] = second[i] - first[i] * first[i] / n;
                for (int j = 0; !s_.is_diagonal() && j < d_; j++)
                    scatter_[c * size_ + i * d_ + j] = second[i * d_ + j] - first[i] * first[j] / n;
            }
        }
        return maximise() && expect() && (swap(), true);
    }

    // An accelerated step, or a plain one where that would go down.
    bool fast(double& left) {
        if (history_.is_begun()) {
            vector_.read(here(), g_);
            const int held = history_.learn(g_);
            if (held > 0) {
                if (try_far(held, left)) return true;
                history_.forget();
            } else {
                std::memcpy(memory_.z, g_, sizeof(double) * ClimbMemory::vector_size(s_));
                return plain();
            }
        }
        vector_.begin(here(), cov_);
        vector_.read(here(), g_);
        history_.begin(g_);
        return plain();
    }

    // The long step, shortened where it goes down; false where it has to be given up.
    bool try_far(int held, double& left) {
        history_.direct(held, step_);
        const ClimbState to = there();
        const int p = static_cast<int>(ClimbMemory::vector_size(s_));
        for (const double* length = LENGTHS; *length > 0.0; length++) {
            for (int i = 0; i < p; i++) z_[i] = memory_.z[i] + *length * step_[i];
            if (!vector_.write(z_, to.count, to.mean, scatter_) || !maximise()) continue;
            const double rise = slope_along();
            if (!(rise > 0.0)) return false;
            if (!expect() || *to.objective < *here().objective - noise_of(*here().objective)) continue;
            std::memcpy(memory_.z, z_, sizeof(double) * p);
            left = 0.5 * rise / *length;
            swap();
            return true;
        }
        return false;
    }

    void swap() {
        double* state = here_;
        here_ = there_, there_ = state;
        double* matrices = cov_;
        cov_ = cov_there_, cov_there_ = matrices;
        matrices = whiten_;
        whiten_ = whiten_there_, whiten_there_ = matrices;
    }

    // Proportions and covariances of `there` from its counts and `scatter_`; its means are there.
    bool maximise() {
        const ClimbState from = here(), to = there();
        double total = 0.0;
        for (int c = 0; c < k_; c++) total += to.count[c];
        for (int c = 0; c < k_; c++) to.mix[c] = to.count[c] / total;
        std::memcpy(to.parts.volume, from.parts.volume, sizeof(double) * k_);
        std::memcpy(to.parts.shape, from.parts.shape, sizeof(double) * k_ * d_);
        if (!s_.is_diagonal()) std::memcpy(to.parts.matrix, from.parts.matrix, sizeof(double) * k_ * size_);
        if (!covariances_.estimate(to.count, scatter_, rows_.floor, true, to.parts)) return false;
        covariances_.compose_all(to.parts, cov_there_);
        return factor(cov_there_, whiten_there_);
    }

    // Lower triangular W with W'W = Sigma^-1, or inverse standard deviations; false where one is not positive.
    bool factor(const double* cov, double* whiten) const {
        if (s_.is_diagonal()) {
            for (int i = 0; i < k_ * d_; i++) {
                if (!(cov[i] > 0.0) || !(cov[i] < INF)) return false;
                whiten[i] = 1.0 / std::sqrt(cov[i]);
            }
            return true;
        }
        std::memcpy(whiten, cov, sizeof(double) * k_ * size_);
        for (int c = 0; c < k_; c++) {
            double* own = whiten + c * size_;
            if (!factorise(own, d_, d_)) return false;
            invert_lower(own, d_, d_);
            for (int i = 0; i < d_; i++)
                for (int j = i + 1; j < d_; j++) own[i * d_ + j] = 0.0;
        }
        return true;
    }

    // The E-step at `there`; false where the objective is not finite.
    bool expect() {
        const ClimbState to = there();
        for (int c = 0; c < k_; c++) log_mix_[c] = std::log(to.mix[c]);
        const Shape shape{d_, k_, s_.is_diagonal()};
        const Given given{log_mix_, to.mean, whiten_there_};
        n_e_steps_++;
        mixture_moments(rows_.X, rows_.weights, rows_.n, shape, given, to.loglik, to.count, to.first, to.second);
        *to.objective = *to.loglik + penalty(whiten_there_);
        return std::isfinite(*to.objective);
    }

    // -1/2 sum over distinct covariances of tr(Sigma^-1 diag(floor)).
    double penalty(const double* whiten) const {
        double sum = 0.0;
        for (int c = 0; c < n_distinct() && rows_.floor != nullptr; c++)
            for (int j = 0; j < d_; j++)
                for (int i = s_.is_diagonal() ? 0 : j; i < (s_.is_diagonal() ? 1 : d_); i++) {
                    const double w = whiten[c * size_ + (s_.is_diagonal() ? j : i * d_ + j)];
                    sum += rows_.floor[j] * w * w;
                }
        return -0.5 * sum;
    }

    // How fast the log-likelihood rises from here on the straight way to `there`: by Fisher's identity, of one E-step.
    double slope_along() const {
        const ClimbState from = here(), to = there();
        double total = 0.0, rise = 0.0;
        for (int c = 0; c < k_; c++) total += from.count[c];
        for (int c = 0; c < k_; c++) {
            rise += (from.count[c] - total * from.mix[c]) * std::log(to.mix[c] / from.mix[c]);
            rise += s_.is_diagonal() ? diagonal_slope(c, from, to) : dense_slope(c, from, to);
        }
        return rise;
    }

    double diagonal_slope(int c, const ClimbState& from, const ClimbState& to) const {
        double rise = 0.0;
        for (int i = c * d_; i < (c + 1) * d_; i++) {
            const double precision = 1.0 / cov_[i];
            rise += from.first[i] * precision * (to.mean[i] - from.mean[i]);
            rise += 0.5 * (from.second[i] * precision - from.count[c]) * precision * (cov_there_[i] - cov_[i]);
        }
        return rise;
    }

    // first' P dm + tr(P (S - n Sigma) P dSigma) / 2, in whitened coordinates: both factors turned by W.
    double dense_slope(int c, const ClimbState& from, const ClimbState& to) const {
        const double *w = whiten_ + c * size_, *second = from.second + c * size_;
        double rise = 0.0;
        for (int i = 0; i < d_; i++) {
            double a = 0.0, b = 0.0;
            for (int j = 0; j <= i; j++) {
                a += w[i * d_ + j] * from.first[c * d_ + j];
                b += w[i * d_ + j] * (to.mean[c * d_ + j] - from.mean[c * d_ + j]);
            }
            rise += a * b;
        }
        for (int i = 0; i < size_; i++) third_[i] = cov_there_[c * size_ + i] - cov_[c * size_ + i];
        turned(w, third_, more_);
        turned(w, second, third_);
        for (int i = 0; i < d_; i++)
            for (int j = 0; j < d_; j++)
                rise += 0.5 * (third_[i * d_ + j] - (i == j ? from.count[c] : 0.0)) * more_[i * d_ + j];
        return rise;
    }

    // out = W a W' for W lower triangular and a symmetric.
    void turned(const double* w, const double* a, double* out) const {
        for (int i = 0; i < d_; i++)
            for (int j = 0; j < d_; j++) {
                double s = 0.0;
                for (int l = 0; l <= i; l++) s += w[i * d_ + l] * a[l * d_ + j];
                work_[i * d_ + j] = s;
            }
        for (int i = 0; i < d_; i++)
            for (int j = 0; j < d_; j++) {
                double s = 0.0;
                for (int l = 0; l <= j; l++) s += work_[i * d_ + l] * w[j * d_ + l];
                out[i * d_ + j] = s;
            }
    }

    const ClimbRows<T>& rows_;
    const Structure& s_;
    const int d_, k_, size_;
    Covariances covariances_;
    StatisticsVector vector_;
    History history_;
    const ClimbMemory& memory_;
    int n_e_steps_ = 0;  // of the step under way
    double *here_, *there_, *cov_, *cov_there_, *whiten_, *whiten_there_, *scatter_, *log_mix_, *g_, *z_, *step_, *work_, *more_,
        *third_;
};

template <typename T>
int climb(const ClimbRows<T>& rows, const Structure& structure, const ClimbState& state, const ClimbMemory& memory,
          ClimbCourse& course) {
    Climber<T> climber(rows, structure, memory);
    Arena arena(climber.memory());
    if (arena.is_empty()) return 1;
    climber.prepare(arena, state);
    climber.run(state, course);
    return 0;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
