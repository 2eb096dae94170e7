// Whatever a client says first, in whatever pieces, a TLS server neither crashes nor hangs, keeps
// bounded memory, and does not take it for an established connection.
//
// Input: 1 byte n, n bytes of chunk sizes (used in turn), then what the client says.
#include <network_system/config.h>

#include <cstddef>
#include <cstdint>

#if NETWORK_SYSTEM_WITH_TLS

#include "support/bytes.h"
#include "support/manual_loop.h"
#include "support/require.h"
#include "support/scripted_settings.h"
#include "support/scripted_stream.h"
#include "transport/stream_transport_impl.h"

#include <algorithm>
#include <memory>

namespace network_system::inline v0_1::transport {

template class stream_transport<network_system::testing::scripted_tls>;

}  // namespace network_system::transport

namespace {

using namespace network_system;
using namespace network_system::testing;

class closing_handler final : public transport::transport_handler {
public:
    std::span<std::uint8_t> read_place() noexcept override { return {}; }
    void on_open() override { is_open = true; }
    void on_bytes(std::size_t, std::span<std::uint8_t>) override {
        require(is_open, "bytes come over an established connection");
    }
    void on_end() override {}
    void on_written() override {}
    void on_deadline() override {}
    void on_closed(std::error_code) override { ++closed; }

    bool is_open = false;
    int closed = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size < 1U + data[0]) {
        return 0;
    }
    static const auto settings = make_settings(connection_role::server, core::tls_version::tls_1_3);
    const byte_span chunks(data + 1, data[0]);
    byte_span said(data + 1 + chunks.size(), size - 1 - chunks.size());

    manual_loop loop;
    const auto script = std::make_shared<stream_script>();
    closing_handler handler;
    const auto over = make_scripted_tls(loop.get(), scripted_stream(script), settings);
    loop.in_batch([&] { over->start(handler); });
    for (std::size_t turn = 0; !said.empty(); ++turn) {
        const std::size_t wanted = chunks.empty() ? said.size() : chunks[turn % chunks.size()];
        const byte_span part = said.first(std::min(std::max<std::size_t>(1, wanted), said.size()));
        script->feed(to_bytes(part));
        loop.run();
        said = said.subspan(part.size());
        require(script->written.size() <= std::size_t{64} * 1024, "its answers are bounded");
    }
    // Without the secrets nobody gets further than the server's first flight.
    require(!handler.is_open, "no input is a whole handshake");
    script->feed_end();
    loop.run();
    loop.advance(std::chrono::seconds(2));
    require(handler.closed == 1, "it ends");
    return 0;
}

#else

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t) {
    return 0;
}

#endif
