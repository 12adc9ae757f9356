import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// What is known of a request beside the request itself.
package struct AdminContext: RequestContext, RemoteAddressRequestContext {
    package var coreContext: CoreRequestContextStorage
    package let remoteAddress: SocketAddress?
    /// The connection.
    package let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
        channel = source.channel
    }

    /// By which the log names the request. Hummingbird's `id` traps where a log keeps no metadata.
    package var number: String {
        logger[metadataKey: "hb.request.id"]?.description ?? "unknown"
    }
}
