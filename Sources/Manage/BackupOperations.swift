import Crypto
import Domain
import Foundation
import Storage
import Synchronization

/// Copies of the whole database, made while the server runs.
package final class BackupOperations: Sendable {
    private let desk: Desk
    private let isAtWork = Mutex(false)
    /// Where a copy stands until it has been handed over.
    private let folder: URL
    private static let bytesPerStep = 1 << 20

    package init(_ desk: Desk, folder: URL) {
        self.desk = desk
        self.folder = folder
    }

    /// A copy that was checked, to be read once.
    package struct Copy: Sendable {
        /// SHA-256 of the file, hexadecimal.
        package let sha256: String
        package let byteCount: Int64
        /// Its bytes; the file is gone when they were read or nobody reads them any more.
        package let bytes: AsyncThrowingStream<Data, any Error>
    }

    /// Makes a consistent copy of everything that is committed now. The master keys are not in it.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `backup_busy` while another one is being made, `no_room`;
    ///   `backup_elsewhere` if the database is not embedded, and is copied by its own tools.
    package func make(_ actor: Actor) async throws -> Copy {
        // Several at once would each find room that is there but once.
        let isFree = isAtWork.withLock { isAtWork in
            defer { isAtWork = true }
            return !isAtWork
        }
        guard isFree else {
            throw OperationError.conflict(code: "backup_busy", "A backup is being made right now. Try again when it is done.")
        }
        defer { isAtWork.withLock { $0 = false } }
        try await desk.act(actor, .manageInstallation) { act in
            guard act.connection.dialect == .sqlite else {
                throw OperationError.conflict(
                    code: "backup_elsewhere",
                    "The database is PostgreSQL: copy it with its own tools, pg_dump or pg_basebackup, and keep the master keys apart."
                )
            }
            try act.record(.backupMake, act.organization.text)
        }
        let file = folder.appendingPathComponent(".backup-\(UUID().uuidString).db")
        do {
            guard
                FileManager.default.createFile(atPath: file.path, contents: nil, attributes: [.posixPermissions: 0o600])
            else { throw StorageError.unavailable("no copy can be made in \(folder.path)") }
            try await desk.store.backUp(to: file.path)
            let source = try Source(file)
            return Copy(sha256: try source.digest(), byteCount: try source.size(), bytes: source.stream())
        } catch {
            try? FileManager.default.removeItem(at: file)
            if case StorageError.full = error {
                throw OperationError.conflict(
                    code: "no_room", "The server's disk has no room for a copy of the database. Make room first.")
            }
            if let error = error as? StorageError { throw OperationError.unavailable("\(error)") }
            throw error
        }
    }

    /// Removes copies that a kill left behind.
    package static func tidy(_ folder: URL) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where name.hasPrefix(".backup-") {
            try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
        }
    }

    // Used by one reader at a time.
    private final class Source: @unchecked Sendable {
        private let file: URL
        private let handle: FileHandle

        init(_ file: URL) throws {
            self.file = file
            handle = try FileHandle(forReadingFrom: file)
        }

        deinit {
            try? handle.close()
            try? FileManager.default.removeItem(at: file)
        }

        func size() throws -> Int64 {
            let end = try handle.seekToEnd()
            try handle.seek(toOffset: 0)
            return Int64(clamping: end)
        }

        func digest() throws -> String {
            var hasher = SHA256()
            while let data = try handle.read(upToCount: bytesPerStep), !data.isEmpty { hasher.update(data: data) }
            try handle.seek(toOffset: 0)
            return Hex.text(hasher.finalize())
        }

        func stream() -> AsyncThrowingStream<Data, any Error> {
            AsyncThrowingStream { [self] in
                guard let data = try handle.read(upToCount: bytesPerStep), !data.isEmpty else { return nil }
                return data
            }
        }
    }
}
