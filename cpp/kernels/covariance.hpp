// Covariances from counts and scatter by maximum likelihood, in the fourteen structures of volume, shape and orientation
// (Banfield & Raftery 1993, Biometrics 49:803; Celeux & Govaert 1995, Pattern Recognition 28:781).
#pragma once

#include "kernels/covariance_axes.hpp"

namespace emkit {
namespace EMKIT_ISA {

// The M-step of the covariances of one mixture, and its memory.
class Covariances {
public:
    explicit Covariances(const Structure& structure)
        : s_(structure), d_(structure.d), k_(structure.k), size_(structure.is_diagonal() ? d_ : d_ * d_) {}

    size_t memory() const {
        size_t own = Arena::padded(static_cast<size_t>(k_) * size_) + 2 * Arena::padded(size_t(k_) * d_);
        own += Arena::padded(static_cast<size_t>(d_) * d_);
        if (is_iterated()) own += Volumes::memory(d_, k_);
        if (s_.form == Form::same_axes) own += CommonAxes::memory(d_, k_);
        return own;
    }

    void prepare(Arena& arena) {
        scatter_ = arena.take(static_cast<size_t>(k_) * size_);
        along_ = arena.take(static_cast<size_t>(k_) * d_), row_ = arena.take(static_cast<size_t>(k_) * d_);
        work_ = arena.take(static_cast<size_t>(d_) * d_);
        at_ = &arena;
    }

    // See `CovarianceFunction`. Pieces of the arena taken here are given back.
    bool estimate(const double* count, const double* scatter, const double* floor, bool goes_on, const Parts& out) {
        std::memcpy(scatter_, scatter, sizeof(double) * k_ * size_);
        count_ = count, total_ = 0.0;
        for (int c = 0; c < k_; c++) total_ += count[c];
        switch (s_.form) {
            case Form::spherical: return spherical(floor, out);
            case Form::diagonal: return diagonal(floor, out);
            case Form::full: return full(floor, out);
            default: break;
        }
        for (int c = 0; c < k_ && floor != nullptr; c++)
            for (int i = 0; i < d_; i++) scatter_[c * size_ + i * step()] += floor[i];
        const Arena::Mark mark = at_->mark();
        bool is_found = false;
        if (s_.form == Form::scaled_diagonal) is_found = scaled_diagonal(goes_on, out);
        if (s_.form == Form::scaled) is_found = scaled(goes_on, out);
        if (s_.form == Form::own_axes) is_found = own_axes(goes_on, out);
        if (s_.form == Form::same_axes) is_found = same_axes(goes_on, out);
        at_->release(mark);
        return is_found;
    }

    // The covariances (k, d, d), or variances (k, d), that parts are of.
    void compose_all(const Parts& parts, double* cov) const {
        for (int c = 0; c < k_; c++) {
            double* out = cov + static_cast<size_t>(c) * size_;
            const double *shape = parts.shape + c * d_, volume = parts.volume[c];
            const double* matrix = parts.matrix + static_cast<size_t>(c) * d_ * d_;
            if (s_.is_diagonal()) {
                for (int i = 0; i < d_; i++) out[i] = volume * shape[i];
            } else if (s_.form == Form::full || s_.form == Form::scaled) {
                for (int i = 0; i < size_; i++) out[i] = volume * matrix[i];
            } else {
                for (int i = 0; i < d_; i++) row_[i] = volume * shape[i];
                compose(matrix, row_, d_, out);
            }
        }
    }

private:
    int step() const { return s_.is_diagonal() ? 1 : d_ + 1; }
    bool is_iterated() const {
        const bool has_volumes = s_.form == Form::scaled_diagonal || s_.form == Form::scaled || s_.form == Form::own_axes;
        return has_volumes && !s_.is_shared;
    }

    static bool is_good(double a) { return a > 0.0 && a < 1e300; }

    static void fill(double* out, int n, double value) {
        for (int i = 0; i < n; i++) out[i] = value;
    }

    // Copy the first of k rows to the others.
    void repeat(double* rows, size_t width) const {
        for (int c = 1; c < k_; c++) std::memcpy(rows + c * width, rows, sizeof(double) * width);
    }

    // Logarithm of the geometric mean of d numbers.
    double log_size(const double* values) const {
        double sum = 0.0;
        for (int i = 0; i < d_; i++) sum += std::log(values[i]);
        return sum / d_;
    }

    bool spherical(const double* floor, const Parts& out) {
        double least = 0.0, pooled = 0.0;
        for (int i = 0; i < d_ && floor != nullptr; i++) least += floor[i];
        for (int c = 0; c < k_; c++) {
            double sum = 0.0;
            for (int i = 0; i < d_; i++) sum += scatter_[c * d_ + i];
            pooled += sum;
            out.volume[c] = (sum + least) / (d_ * count_[c]);
        }
        if (s_.is_shared) fill(out.volume, k_, (pooled + least) / (d_ * total_));
        fill(out.shape, k_ * d_, 1.0);
        return are_good(out.volume, k_);
    }

    bool diagonal(const double* floor, const Parts& out) {
        for (int i = 0; i < d_; i++) {
            const double least = floor != nullptr ? floor[i] : 0.0;
            double pooled = 0.0;
            for (int c = 0; c < k_; c++) {
                pooled += scatter_[c * d_ + i];
                out.shape[c * d_ + i] = (scatter_[c * d_ + i] + least) / count_[c];
            }
            if (s_.is_shared) out.shape[i] = (pooled + least) / total_;
        }
        if (s_.is_shared) repeat(out.shape, d_);
        fill(out.volume, k_, 1.0);
        return are_good(out.shape, k_ * d_);
    }

    bool full(const double* floor, const Parts& out) {
        for (int c = 1; c < k_ && s_.is_shared; c++)
            for (int i = 0; i < size_; i++) scatter_[i] += scatter_[c * size_ + i];
        for (int c = 0; c < (s_.is_shared ? 1 : k_); c++) {
            double* own = scatter_ + c * size_;
            for (int i = 0; i < d_ && floor != nullptr; i++) own[i * (d_ + 1)] += floor[i];
            const double scale = 1.0 / (s_.is_shared ? total_ : count_[c]);
            for (int i = 0; i < size_; i++) out.matrix[c * size_ + i] = own[i] * scale;
        }
        if (s_.is_shared) repeat(out.matrix, size_);
        fill(out.volume, k_, 1.0);
        return true;
    }

    static bool are_good(const double* values, int n) {
        bool is_so = true;
        for (int i = 0; i < n; i++) is_so = is_so && is_good(values[i]);
        return is_so;
    }

    // Volumes solved for, from those before or from the traces of W (d numbers each, or matrices).
    Volumes solved(const double* W, bool is_diagonal, bool goes_on, const Parts& out, bool& is_found) {
        Volumes volumes(d_, k_, is_diagonal, count_, W);
        volumes.prepare(*at_);
        for (int c = 0; c < k_; c++) {
            double trace = 0.0;
            for (int i = 0; i < d_; i++) trace += W[is_diagonal ? c * d_ + i : c * size_ + i * (d_ + 1)];
            volumes.log_volume[c] = std::log(goes_on ? out.volume[c] : trace / (d_ * count_[c]));
        }
        is_found = volumes.solve();
        return volumes;
    }

    // Volumes and the one shape of variances (k, d) with volumes of their own.
    bool split_volumes(const double* W, bool goes_on, const Parts& out) {
        bool is_found;
        const Volumes volumes = solved(W, true, goes_on, out, is_found);
        if (!is_found) return false;
        const double size = log_size(volumes.mass);
        for (int c = 0; c < k_; c++) out.volume[c] = std::exp(volumes.log_volume[c] + size - std::log(total_));
        for (int i = 0; i < d_; i++) out.shape[i] = volumes.mass[i] / std::exp(size);
        repeat(out.shape, d_);
        return are_good(out.volume, k_) && are_good(out.shape, d_);
    }

    // One volume and shapes of their own, from variances (k, d).
    bool split_shapes(const double* along, const Parts& out) {
        double sum = 0.0;
        for (int c = 0; c < k_; c++) {
            const double size = std::exp(log_size(along + c * d_));
            for (int i = 0; i < d_; i++) out.shape[c * d_ + i] = along[c * d_ + i] / size;
            out.volume[c] = s_.is_shared ? size : size / count_[c];
            sum += size;
        }
        if (s_.is_shared) fill(out.volume, k_, sum / total_);
        return are_good(out.volume, k_) && are_good(out.shape, k_ * d_);
    }

    bool scaled_diagonal(bool goes_on, const Parts& out) {
        return s_.is_shared ? split_shapes(scatter_, out) : split_volumes(scatter_, goes_on, out);
    }

    bool log_det(const double* matrix, double& value) {
        std::memcpy(work_, matrix, sizeof(double) * size_);
        if (!factorise(work_, d_, d_)) return false;
        value = 2.0 * log_diagonal(work_, d_, d_);
        return true;
    }

    bool scaled(bool goes_on, const Parts& out) {
        double log = 0.0, sum = 0.0;
        fill(out.shape, k_ * d_, 1.0);
        if (s_.is_shared) {
            for (int c = 0; c < k_; c++) {
                if (!log_det(scatter_ + c * size_, log)) return false;
                const double size = std::exp(log / d_);
                for (int i = 0; i < size_; i++) out.matrix[c * size_ + i] = scatter_[c * size_ + i] / size;
                sum += size;
            }
            fill(out.volume, k_, sum / total_);
            return are_good(out.volume, 1);
        }
        bool is_found;
        const Volumes volumes = solved(scatter_, false, goes_on, out, is_found);
        if (!is_found || !log_det(volumes.mass, log)) return false;
        for (int c = 0; c < k_; c++) out.volume[c] = std::exp(volumes.log_volume[c] + log / d_ - std::log(total_));
        for (int i = 0; i < size_; i++) out.matrix[i] = volumes.mass[i] / std::exp(log / d_);
        repeat(out.matrix, size_);
        return are_good(out.volume, k_);
    }

    bool own_axes(bool goes_on, const Parts& out) {
        for (int c = 0; c < k_; c++) {
            std::memcpy(work_, scatter_ + c * size_, sizeof(double) * size_);
            eigen(work_, d_, along_ + c * d_, out.matrix + c * size_);
            for (int i = 0; i < d_; i++) along_[c * d_ + i] = along_[c * d_ + i] > 1e-300 ? along_[c * d_ + i] : 1e-300;
        }
        if (!s_.is_shared) return split_volumes(along_, goes_on, out);
        for (int c = 1; c < k_; c++)
            for (int i = 0; i < d_; i++) along_[i] += along_[c * d_ + i];
        const double size = std::exp(log_size(along_));
        for (int i = 0; i < d_; i++) out.shape[i] = along_[i] / size;
        repeat(out.shape, d_);
        fill(out.volume, k_, size / total_);
        return are_good(out.volume, 1) && are_good(out.shape, d_);
    }

    bool same_axes(bool goes_on, const Parts& out) {
        CommonAxes common(d_, k_, s_.is_shared, count_, scatter_);
        common.prepare(*at_);
        if (goes_on)
            std::memcpy(common.here.axes, out.matrix, sizeof(double) * size_);
        else
            common.begin();
        common.solve();
        std::memcpy(out.matrix, common.here.axes, sizeof(double) * size_);
        repeat(out.matrix, size_);
        return split_shapes(common.here.along, out);
    }

    const Structure s_;
    const int d_, k_, size_;
    const double* count_ = nullptr;
    double total_ = 0.0;
    double *scatter_ = nullptr, *along_ = nullptr, *row_ = nullptr, *work_ = nullptr;
    Arena* at_ = nullptr;
};

static int estimate_covariances(const Structure& structure, const double* count, const double* scatter,
                                const double* floor, bool goes_on, const Parts& out) {
    Covariances covariances(structure);
    Arena arena(covariances.memory());
    if (arena.is_empty()) return 1;
    covariances.prepare(arena);
    return covariances.estimate(count, scatter, floor, goes_on, out) ? 0 : 2;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
