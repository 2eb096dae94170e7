#include "tls/output.h"

#include "utils/on_exception.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::transport {

void tls_output::batch::add(const batch& more) {
    // What has gone out makes room for it.
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(begin));
    records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(first_record));
    begin = first_record = 0;
    const auto rest = [](const auto& all, std::size_t first) {
        return std::span(all).subspan(first);
    };
    const auto more_bytes = rest(more.bytes, more.begin);
    bytes.insert(bytes.end(), more_bytes.begin(), more_bytes.end());
    const auto more_records = rest(more.records, more.first_record);
    records.insert(records.end(), more_records.begin(), more_records.end());
}

std::size_t tls_output::batch::pass(std::size_t count) {
    std::size_t completed = 0;
    begin += count;
    while (first_record < records.size() && count >= records[first_record].bytes) {
        count -= records[first_record].bytes;
        completed += records[first_record].plain_bytes;
        ++first_record;
    }
    if (first_record < records.size()) {
        records[first_record].bytes -= count;
    }
    if (size() == 0) {
        clear();
    }
    return completed;
}

tls_output::batch& tls_output::current() noexcept {
    static thread_local batch one;
    return one;
}

void tls_output::add(bytes_view ciphertext) {
    batch& now = current();
    now.records.push_back({ciphertext.size(), 0});
    const detail::on_exception undo([&now] { now.records.pop_back(); });
    now.bytes.insert(now.bytes.end(), ciphertext.begin(), ciphertext.end());
    has_new_ = true;
}

void tls_output::carries(std::size_t plain_bytes) {
    current().records.back().plain_bytes = plain_bytes;
}

bool tls_output::is_batch_full() noexcept {
    return current().bytes.size() >= batch_limit;
}

std::size_t tls_output::size() const noexcept {
    return (kept_ ? kept_->size() : 0) + (has_new_ ? current().size() : 0);
}

std::size_t tls_output::gather(std::span<runtime::io_slice, 2> slices) const noexcept {
    std::size_t count = 0;
    for (batch* const each : {kept_.get(), has_new_ ? &current() : nullptr}) {
        if (each != nullptr) {
            slices[count++] = {each->bytes.data() + each->begin, each->size()};
        }
    }
    return count;
}

void tls_output::consume(std::size_t count) {
    if (kept_) {
        const std::size_t of_kept = std::min(count, kept_->size());
        completed_ += kept_->pass(of_kept);
        count -= of_kept;
        if (kept_->size() == 0) {
            kept_.reset();
        }
    }
    if (has_new_) {
        batch& now = current();
        completed_ += now.pass(count);
        has_new_ = now.size() > 0;
    }
}

void tls_output::drop() noexcept {
    kept_.reset();
    if (std::exchange(has_new_, false)) {
        current().clear();
    }
}

void tls_output::keep() {
    if (!has_new_) {
        return;
    }
    if (!kept_) {
        kept_ = std::make_unique<batch>();
    }
    kept_->add(current());
    current().clear();
    has_new_ = false;
}

}  // namespace network_system::transport
