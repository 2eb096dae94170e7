#pragma once

#include "datagram/channel.h"
#include "lifecycle/options.h"
#include "lifecycle/run.h"
#include "session/receiving/unread_notice.h"

#include <network_system/core/options.h>
#include <network_system/core/udp_callbacks.h>
#include <network_system/core/udp_options.h>
#include <network_system/utils/result_types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1::core {

/// Of a server or a client, which uses those that it has.
using datagram_callbacks = udp_server_callbacks;

/// What UDP servers and clients share: channels, each on its loop, and one run from the start to
/// the end of the last of them.
///
/// Thread-safety: the public members from any thread.
class datagram_engine : public run,
                        public session::datagram_host,
                        public std::enable_shared_from_this<datagram_engine> {
public:
    /// The engine whose callback the calling thread is inside, if it belongs to `owner`: a send
    /// from there takes no lock and counts no reference.
    template <typename Engine>
    [[nodiscard]] static Engine* inside_callback_of(const void* owner) noexcept {
        auto* const current = datagram_host::here();
        if (current == nullptr || current->owner() != owner) {
            return nullptr;
        }
        auto* const engine = static_cast<Engine*>(current);
        return engine->is_running() ? engine : nullptr;
    }

    [[nodiscard]] bool is_running() const noexcept { return !is_stopping() && !sockets().empty(); }
    /// The next run may begin. True before the callbacks that tell of the end, which may want
    /// that.
    [[nodiscard]] virtual bool is_finished() const noexcept { return end().is_over(); }

    /// To the client's target when `to` is unspecified.
    [[nodiscard]] VoidResult send(const endpoint& to, std::span<const std::uint8_t> data,
                                  session::send_callback& done);
    [[nodiscard]] VoidResult receive(session::datagram_channel::pull_handler&& handler,
                                     session::operation_id operation);
    virtual bool cancel(session::operation_id operation);
    [[nodiscard]] datagram_metrics metrics() const;
    /// Unspecified while there is no socket.
    [[nodiscard]] endpoint local() const;

    [[nodiscard]] const std::string& name() const noexcept override { return run::name(); }
    [[nodiscard]] detail::log_source writer() const noexcept override { return run::writer(); }
    [[nodiscard]] const std::shared_ptr<runtime::callback_gate>& gate() const noexcept override {
        return run::gate();
    }
    [[nodiscard]] std::shared_ptr<void> keep_alive() override { return shared_from_this(); }

protected:
    using channel_ptr = std::shared_ptr<session::datagram_channel>;
    using channels = std::vector<channel_ptr>;

    datagram_engine(std::string name, std::shared_ptr<runtime::io_pool> pool,
                    std::shared_ptr<const datagram_callbacks> callbacks,
                    const lifecycle_options& options)
        : run(std::move(name), std::move(pool), options), callbacks_(std::move(callbacks)) {}

    [[nodiscard]] channel_ptr make_channel(const std::shared_ptr<runtime::loop>& where,
                                           runtime::unique_socket socket,
                                           const session::datagram_setup& setup, readiness method);
    /// For sockets that answer from the address they were asked at.
    [[nodiscard]] static std::shared_ptr<session::source_memory> make_source_memory(
        runtime::loop& where);
    /// The sockets from here on. They are not watched yet.
    void adopt(channels opened);
    [[nodiscard]] const channels& sockets() const noexcept;
    /// On the channel's loop. When the system refuses, the error callback tells.
    void watch(const channel_ptr& channel);
    /// Ends what is there of a start that has failed. Under the lock of the start: nothing is
    /// logged.
    void give_up_start() noexcept;
    /// What ends besides the channels.
    virtual void stop_starting() {}

private:
    [[nodiscard]] bool reads_datagrams() const noexcept override {
        return static_cast<bool>(callbacks_->received);
    }
    void on_datagram(std::span<const std::uint8_t> data, const endpoint& from) override;
    void on_unread() override { unread_notice_.tell(writer(), "receive"); }
    void on_error(std::error_code error) override;
    void on_writable() override;
    void on_new_peer(const endpoint& peer) override;
    void on_peer_expired(const endpoint& peer) override;
    void on_callback_exception(std::string_view what) noexcept override;
    void on_channel_gone(runtime::loop& where) noexcept override { release_part(where); }
    void end_parts(runtime::steady_time deadline) override;
    void log_end() const noexcept override { detail::log(log_level::info, writer(), "stopped"); }
    void close_sockets();

    [[nodiscard]] session::datagram_channel* channel_for(const endpoint& to) const;

    const std::shared_ptr<const datagram_callbacks> callbacks_;
    session::unread_notice unread_notice_;
    // Null until they are there, and never changed then.
    std::atomic<const channels*> sockets_{nullptr};
    static const channels no_channels;

    channels channels_;
};

void check_datagrams(detail::option_checks& all, const datagram_config& config);
void check_peers(detail::option_checks& all, const peer_limits& limits);

[[nodiscard]] Result<runtime::sockets::multicast_settings> to_runtime(
    const multicast_options& options, std::string_view source);

}  // namespace network_system::core
