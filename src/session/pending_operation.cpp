#include "session/pending_operation.h"

#include "utils/process.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <utility>

namespace network_system::inline v0_1::session {

class operation_table;

struct pending_operation::entry {
    const operation_id id;
    const std::weak_ptr<void> owner;
    const cancelled_function tell;
    operation_table* table;
    // Under the lock of its shard. A cancelled entry is not in the table any more.
    entry* next = nullptr;
    bool is_cancelled = false;
};

/// All pending operations of the process that have an id. Ids are drawn one after the other, so
/// that neighbours lie in different shards.
///
/// Thread-safety: every member may be called from any thread.
class operation_table {
public:
    using entry = pending_operation::entry;

    /// False when there is one of this id.
    [[nodiscard]] bool add(entry& added) {
        shard& home = shard_of(added.id);
        const std::lock_guard lock(home.mutex);
        entry** const first = home.find(added.id);
        if (*first != nullptr) {
            return false;
        }
        *first = &added;
        return true;
    }
    /// Takes it out; false when it was cancelled.
    [[nodiscard]] bool remove(entry& removed) noexcept {
        shard& home = shard_of(removed.id);
        const std::lock_guard lock(home.mutex);
        if (!removed.is_cancelled) {
            unlink(home.find(removed.id));
        }
        return !removed.is_cancelled;
    }
    [[nodiscard]] bool is_cancelled(const entry& asked) noexcept {
        const std::lock_guard lock(shard_of(asked.id).mutex);
        return asked.is_cancelled;
    }
    bool cancel(operation_id id, const void* of) noexcept {
        std::shared_ptr<void> owner;  // let go after the lock
        pending_operation::cancelled_function tell = nullptr;
        {
            shard& home = shard_of(id);
            const std::lock_guard lock(home.mutex);
            entry** const found = home.find(id);
            owner = *found != nullptr ? (*found)->owner.lock() : nullptr;
            if (!owner || (of != nullptr && of != owner.get())) {
                return false;
            }
            tell = (*found)->tell;
            (*found)->is_cancelled = true;
            unlink(found);
        }
        tell(owner.get(), id);
        return true;
    }

private:
    static constexpr std::size_t shards = 16;
    static constexpr std::size_t lists = 64;

    struct shard {
        /// The link to the entry of the id, or the null one at the end of its list.
        [[nodiscard]] entry** find(operation_id id) noexcept {
            entry** link = &first[static_cast<std::size_t>(id) / shards % lists];
            while (*link != nullptr && (*link)->id != id) {
                link = &(*link)->next;
            }
            return link;
        }

        std::mutex mutex;
        std::array<entry*, lists> first{};
    };

    static void unlink(entry** link) noexcept { *link = std::exchange((*link)->next, nullptr); }
    [[nodiscard]] shard& shard_of(operation_id id) noexcept {
        return shards_[static_cast<std::size_t>(id) % shards];
    }

    std::array<shard, shards> shards_;
};

namespace {

// A forked child has one of its own. What it inherits in the parent's is the parent's.
using table_of_process = detail::per_process<operation_table>;

}  // namespace

bool pending_operation::enter(operation_id id, std::weak_ptr<void> owner, cancelled_function tell) {
    operation_table& table = table_of_process::get();
    // Not in entry_ yet, which would take it out.
    auto added = std::make_unique<entry>(entry{id, std::move(owner), tell, &table});
    if (!table.add(*added)) {
        return false;
    }
    entry_.reset(added.release());
    return true;
}

bool pending_operation::leave() noexcept {
    if (entry_->table == table_of_process::find() && !entry_->table->remove(*entry_)) {
        return false;
    }
    delete entry_.release();
    return true;
}

void pending_operation::removal::operator()(entry* removed) const noexcept {
    if (removed->table == table_of_process::find()) {
        (void)removed->table->remove(*removed);
    }
    delete removed;
}

bool pending_operation::is_marked() const noexcept {
    return entry_->table == table_of_process::find() && entry_->table->is_cancelled(*entry_);
}

operation_id pending_operation::id() const noexcept {
    return entry_ ? entry_->id : operation_id::none;
}

bool pending_operation::mark(operation_id id, const void* owner) noexcept {
    operation_table* const table = table_of_process::find();
    return table != nullptr && table->cancel(id, owner);
}

operation_id next_operation_id() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return operation_id{last.fetch_add(1, std::memory_order_relaxed) + 1};
}

bool cancel_operation(operation_id operation) noexcept {
    return operation != operation_id::none && pending_operation::mark(operation, nullptr);
}

}  // namespace network_system::session
