import Contract
import NIOHTTP1

extension InletClient {
    // MARK: The installation

    /// How the server is.
    public func status() async throws -> StatusView { try await get("status") }

    /// The master keys; never the keys themselves.
    public func keys() async throws -> PageView<KeyView> { try await get("keys") }

    /// Makes a new master key; secrets move to it as they are used.
    public func rotateKeys() async throws -> KeyView { try await send(.POST, "keys/rotate") }

    /// Drops an old master key. If secrets are still under it that is refused, unless forced, which ends them.
    public func retireKey(_ number: Int, _ retirement: RetireKey = RetireKey()) async throws {
        try await perform(.POST, "keys/\(number)/retire", retirement)
    }

    /// The whole database as one file, consistent and checked. Compare ``Download/sha256`` with what came.
    public func backup() async throws -> Download { try await download(.POST, "backup") }
}
