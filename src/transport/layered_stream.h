#pragma once

namespace network_system::inline v0_1::transport {

/// A stream that speaks a protocol of its own (tls/stream.h): it has to be established first, what
/// it waits for may differ from what is asked of it, and it may have read more than it has given.
template <typename Stream>
concept layered_stream = requires(Stream& stream) { stream.end_writing(); };

}  // namespace network_system::transport
