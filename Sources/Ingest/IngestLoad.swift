import Domain
import Foundation
import Storage
import Synchronization

/// How much is being received and kept right now, and what stands in the way of more.
package final class IngestLoad: Sendable {
    private let bytesInFlightMax: Int
    private let freeBytesMin: Int64
    private let folder: URL?
    private let bytesInFlight = Atomic<Int>(0)
    private let hasRoom = Atomic(true)

    /// - Parameters:
    ///   - bytesInFlightMax: bytes of bodies in memory at once, all connections together.
    ///   - freeBytesMin: below that much room on the disk nothing is taken, so that people can still revoke and repair.
    ///   - folder: whose disk is watched; `nil` if the database is not here.
    package init(bytesInFlightMax: Int, freeBytesMin: Int64, folder: URL?) {
        self.bytesInFlightMax = bytesInFlightMax
        self.freeBytesMin = freeBytesMin
        self.folder = folder
        lookAtDisk()
    }

    /// Why nothing can be kept now; `nil` if it can.
    package var obstacle: Rejection? {
        hasRoom.load(ordering: .relaxed) ? nil : .diskNearlyFull
    }

    /// Takes room for bytes of a body.
    ///
    /// - Returns: `false` if there is none; then nothing was taken.
    package func reserve(bytes: Int) -> Bool {
        let sum = bytesInFlight.add(bytes, ordering: .relaxed).newValue
        if sum <= bytesInFlightMax || sum == bytes { return true }
        release(bytes: bytes)
        return false
    }

    package func release(bytes: Int) {
        bytesInFlight.subtract(bytes, ordering: .relaxed)
    }

    /// Bytes of bodies in memory.
    package var bytesNow: Int {
        bytesInFlight.load(ordering: .relaxed)
    }

    /// Looks how much room there is; called once a second.
    package func lookAtDisk() {
        guard let folder, let free = DiskSpace.free(at: folder) else { return }
        hasRoom.store(free >= freeBytesMin, ordering: .relaxed)
    }
}
