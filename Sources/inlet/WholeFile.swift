import Client
import Crypto
import Domain
import Foundation

/// A file that gets its name only when all of it is there. Only its owner may read it.
enum WholeFile {
    /// What was written.
    struct Written: Encodable {
        let file: String
        let bytes: Int64
        let sha256: String
    }

    /// Fails if there is such a file already; said before anything is fetched.
    static func checkAbsence(of file: URL) throws {
        guard !FileManager.default.fileExists(atPath: file.path) else {
            throw SettingsError(description: "\(file.path) exists already. Name another file.")
        }
    }

    /// Writes what comes to a file of that name with `.partial` behind it, flushes it to disk, and gives it its name.
    ///
    /// - Parameter expected: the SHA-256 that it must have, hexadecimal; `nil` if nobody said.
    static func write(_ download: Download, to file: URL, sha256 expected: String? = nil) async throws -> Written {
        try checkAbsence(of: file)
        let draft = URL(fileURLWithPath: file.path + ".partial")
        // One that is left from an interrupted run could have another mode.
        unlink(draft.path)
        let descriptor = open(draft.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw SettingsError(description: "\(draft.path) cannot be written: \(String(cString: strerror(errno))).")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            var hash = SHA256()
            var bytes: Int64 = 0
            for try await piece in download {
                try named(draft) { try handle.write(contentsOf: piece) }
                hash.update(data: piece)
                bytes += Int64(piece.count)
            }
            let sha256 = Hex.text(hash.finalize())
            guard expected == nil || sha256 == expected else {
                throw SettingsError(description: "What came is not what the server sent; its SHA-256 differs. Try again.")
            }
            try named(file) {
                try handle.synchronize()
                try handle.close()
                try FileManager.default.moveItem(at: draft, to: file)
            }
            return Written(file: file.path, bytes: bytes, sha256: sha256)
        } catch {
            unlink(draft.path)
            throw error
        }
    }

    private static func named(_ file: URL, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            throw SettingsError(description: "\(file.path) cannot be written: \(error.localizedDescription)")
        }
    }
}
