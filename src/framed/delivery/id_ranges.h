#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace network_system::inline v0_1::delivery {

/// A set of ids, kept as the ranges it is made of: ids that follow each other cost nothing.
///
/// Thread-safety: none.
class id_ranges {
public:
    struct range {
        std::uint64_t first;
        std::uint64_t last;
    };

    [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
    /// How many ranges.
    [[nodiscard]] std::size_t size() const noexcept { return ranges_.size(); }
    [[nodiscard]] const range& front() const noexcept { return ranges_.front(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return ranges_.capacity(); }

    [[nodiscard]] bool contains(std::uint64_t id) const noexcept {
        if (ranges_.empty() || id > ranges_.back().last) {
            return false;  // as a rule it is a new one
        }
        return find(id)->first <= id;
    }
    /// Makes room for so many ranges, so that `add` and `remove` need no memory until there are
    /// more. Throws std::bad_alloc with nothing done.
    void reserve(std::size_t ranges) {
        if (ranges > ranges_.capacity()) {
            ranges_.reserve(std::max(ranges, 2 * ranges_.capacity()));
        }
    }
    /// One that it does not contain.
    void add(std::uint64_t id) {
        const auto next = ranges_.empty() || id > ranges_.back().last ? ranges_.end() : find(id);
        const bool joins_next = next != ranges_.end() && next->first - 1 == id;
        const bool joins_former = next != ranges_.begin() && (next - 1)->last == id - 1;
        if (joins_next && joins_former) {
            (next - 1)->last = next->last;
            ranges_.erase(next);
        } else if (joins_former) {
            (next - 1)->last = id;
        } else if (joins_next) {
            next->first = id;
        } else {
            ranges_.insert(next, {id, id});
        }
    }
    /// One that it contains.
    void remove(std::uint64_t id) {
        const auto in = find(id);
        if (in->first == in->last) {
            ranges_.erase(in);
        } else if (in->first == id) {
            ++in->first;
        } else if (in->last == id) {
            --in->last;
        } else {
            const range front{in->first, id - 1};
            in->first = id + 1;
            ranges_.insert(in, front);
        }
    }
    /// Forgets the lowest ids.
    void remove_front() noexcept { ranges_.erase(ranges_.begin()); }
    /// Gives the memory back, if it is empty.
    void trim() noexcept {
        if (ranges_.empty()) {
            std::vector<range>().swap(ranges_);
        }
    }

private:
    using place = std::vector<range>::iterator;

    /// The first range that does not end before the id.
    [[nodiscard]] place find(std::uint64_t id) noexcept {
        return std::lower_bound(
            ranges_.begin(), ranges_.end(), id,
            [](const range& each, std::uint64_t wanted) { return each.last < wanted; });
    }
    [[nodiscard]] std::vector<range>::const_iterator find(std::uint64_t id) const noexcept {
        return std::lower_bound(
            ranges_.begin(), ranges_.end(), id,
            [](const range& each, std::uint64_t wanted) { return each.last < wanted; });
    }

    std::vector<range> ranges_;
};

}  // namespace network_system::delivery
