#include "transport/tls_output.h"

#include <algorithm>
#include <iterator>

namespace network_system::transport {

struct tls_output::batch {
    std::vector<std::uint8_t> bytes;
    std::vector<record> records;
    // What has been written of it.
    std::size_t begin = 0;
    std::size_t first_record = 0;

    void clear() noexcept {
        bytes.clear();
        records.clear();
        begin = first_record = 0;
    }
};

tls_output::batch& tls_output::current() noexcept {
    static thread_local batch one;
    return one;
}

void tls_output::add(bytes_view ciphertext) {
    batch& now = current();
    now.bytes.insert(now.bytes.end(), ciphertext.begin(), ciphertext.end());
    now.records.push_back({ciphertext.size(), 0});
}

void tls_output::carries(std::size_t plain_bytes) {
    current().records.back().plain_bytes = plain_bytes;
}

bool tls_output::is_batch_full() noexcept {
    return current().bytes.size() >= batch_limit;
}

std::size_t tls_output::size() const noexcept {
    const batch& now = current();
    return kept_.size() + now.bytes.size() - now.begin;
}

std::size_t tls_output::gather(std::span<runtime::io_slice, 2> slices) const noexcept {
    const batch& now = current();
    std::size_t count = 0;
    if (!kept_.empty()) {
        slices[count++] = {kept_.data(), kept_.size()};
    }
    if (now.begin < now.bytes.size()) {
        slices[count++] = {now.bytes.data() + now.begin, now.bytes.size() - now.begin};
    }
    return count;
}

void tls_output::consume(std::size_t bytes) {
    batch& now = current();
    const std::size_t of_kept = std::min(bytes, kept_.size());
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(of_kept));
    now.begin += bytes - of_kept;
    const auto pass = [&](std::vector<record>& records, std::size_t first) {
        while (first < records.size() && bytes >= records[first].bytes) {
            bytes -= records[first].bytes;
            completed_ += records[first].plain_bytes;
            ++first;
        }
        if (first < records.size()) {
            records[first].bytes -= std::exchange(bytes, 0);
        }
        return first;
    };
    const std::size_t passed = pass(kept_records_, 0);
    kept_records_.erase(kept_records_.begin(),
                        kept_records_.begin() + static_cast<std::ptrdiff_t>(passed));
    now.first_record = pass(now.records, now.first_record);
    if (now.begin == now.bytes.size()) {
        now.clear();
    }
    if (kept_.empty() && kept_.capacity() > 0) {
        // An idle connection keeps nothing.
        kept_ = {};
        kept_records_ = {};
    }
}

void tls_output::keep_batch() {
    batch& now = current();
    const auto from = [](auto& all, std::size_t first) {
        return all.begin() + static_cast<std::ptrdiff_t>(first);
    };
    kept_.insert(kept_.end(), from(now.bytes, now.begin), now.bytes.end());
    kept_records_.insert(kept_records_.end(), from(now.records, now.first_record),
                         now.records.end());
    now.clear();
}

}  // namespace network_system::transport
