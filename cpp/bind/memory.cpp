// The blocks that are kept between calls: see kernels/memory.hpp.
#include "kernels/memory.hpp"

#include <atomic>
#include <cstring>
#include <new>

namespace emkit {

constexpr size_t LINE = 64;               // before each block: its size
constexpr size_t LEAST = size_t{1} << 15;  // smaller ones are the allocator's business
constexpr size_t MOST = size_t{1} << 22, MOST_IN_ALL = size_t{1} << 24;
constexpr int SLOTS = 64;

namespace {

struct Shelf {
    std::atomic_flag is_busy = ATOMIC_FLAG_INIT;
    void* blocks[SLOTS] = {};
    size_t sizes[SLOTS] = {};
    size_t total = 0;
};

Shelf shelf;

// Whoever finds the shelf busy does without it: nobody waits, and a forked child cannot be locked out for good.
class Turn {
public:
    Turn() : is_mine_(!shelf.is_busy.test_and_set(std::memory_order_acquire)) {}
    ~Turn() {
        if (is_mine_) shelf.is_busy.clear(std::memory_order_release);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    bool is_mine() const { return is_mine_; }

private:
    bool is_mine_;
};

void* from_shelf(size_t bytes) {
    const Turn turn;
    if (!turn.is_mine()) return nullptr;
    int best = -1;
    for (int i = 0; i < SLOTS; i++) {
        const bool fits = shelf.blocks[i] != nullptr && shelf.sizes[i] >= bytes && shelf.sizes[i] <= 2 * bytes;
        if (fits && (best < 0 || shelf.sizes[i] < shelf.sizes[best])) best = i;
    }
    if (best < 0) return nullptr;
    void* block = shelf.blocks[best];
    shelf.blocks[best] = nullptr;
    shelf.total -= shelf.sizes[best];
    return block;
}

bool to_shelf(void* block, size_t bytes) {
    const Turn turn;
    if (!turn.is_mine() || shelf.total + bytes > MOST_IN_ALL) return false;
    for (int i = 0; i < SLOTS; i++) {
        if (shelf.blocks[i] != nullptr) continue;
        shelf.blocks[i] = block, shelf.sizes[i] = bytes;
        shelf.total += bytes;
        return true;
    }
    return false;
}

}  // namespace

void* borrow(size_t bytes) {
    const bool is_kept = bytes >= LEAST && bytes <= MOST;
    void* block = is_kept ? from_shelf(bytes) : nullptr;
    if (block == nullptr) {
        block = ::operator new(bytes + LINE, std::align_val_t(LINE));
        std::memcpy(block, &bytes, sizeof(bytes));
    }
    return static_cast<char*>(block) + LINE;
}

void give_back(void* memory) noexcept {
    void* block = static_cast<char*>(memory) - LINE;
    size_t bytes;
    std::memcpy(&bytes, block, sizeof(bytes));
    const bool is_kept = bytes >= LEAST && bytes <= MOST && to_shelf(block, bytes);
    if (!is_kept) ::operator delete(block, std::align_val_t(LINE));
}

}  // namespace emkit
