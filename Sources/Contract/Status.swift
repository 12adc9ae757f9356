/// How the server is: `GET /api/v1/status`.
public struct StatusView: Codable, Hashable, Sendable {
    public var version: String
    public var startedAt: String
    /// `sqlite` or `postgres`.
    public var database: String
    /// How many servers share the database, this one among them.
    public var servers: Int
    public var ingestUrl: String
    /// Calls that wait for the disk right now.
    public var queuedCalls: Int
    /// Bytes of bodies in memory right now.
    public var bytesInFlight: Int
    /// Room on the data folder's disk; absent if the system does not say.
    public var diskFreeBytes: Int64?
    /// Whether calls can be kept; if not, why: a cause of the ledger.
    public var obstacle: String?
    /// Why idle accounts are left active although they are due: `clock_jumped` or `too_many_at_once`.
    public var sweepHeld: String?

    public init(
        version: String, startedAt: String, database: String, servers: Int, ingestUrl: String, queuedCalls: Int,
        bytesInFlight: Int,
        diskFreeBytes: Int64?, obstacle: String?, sweepHeld: String?
    ) {
        self.version = version
        self.startedAt = startedAt
        self.database = database
        self.servers = servers
        self.ingestUrl = ingestUrl
        self.queuedCalls = queuedCalls
        self.bytesInFlight = bytesInFlight
        self.diskFreeBytes = diskFreeBytes
        self.obstacle = obstacle
        self.sweepHeld = sweepHeld
    }
}
