import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Keeps a second process out of a data folder for as long as it is held. The kernel lets go of it when the process ends.
final class FolderLock: Sendable {
    private let descriptor: Mutex<Int32>

    /// - Throws: ``StorageError/locked(_:)`` naming the holder.
    init(folder: URL) throws {
        let path = folder.appendingPathComponent("inlet.lock").path
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw StorageError.unavailable("cannot open \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let holder = (try? String(contentsOfFile: path, encoding: .utf8))?
                .trimmingCharacters(in: .whitespacesAndNewlines)
            Self.close(file)
            throw StorageError.locked(
                "Another Inlet (process \(holder ?? "unknown")) has the data folder \(folder.path) open. "
                    + "Stop it first, or use another folder.")
        }
        let text = "\(getpid())\n"
        ftruncate(file, 0)
        _ = text.withCString { pwrite(file, $0, strlen($0), 0) }
        descriptor = Mutex(file)
    }

    deinit {
        release()
    }

    func release() {
        descriptor.withLock { file in
            if file >= 0 { Self.close(file) }
            file = -1
        }
    }

    private static func close(_ file: Int32) {
        #if canImport(Glibc)
            Glibc.close(file)
        #elseif canImport(Musl)
            Musl.close(file)
        #else
            Darwin.close(file)
        #endif
    }
}

/// Room on the disk that holds a folder.
package enum DiskSpace {
    /// Bytes that an ordinary user may still write there; `nil` if the system does not say.
    package static func free(at folder: URL) -> Int64? {
        var status = statvfs()
        guard statvfs(folder.path, &status) == 0 else { return nil }
        let (bytes, overflow) = Int64(clamping: status.f_bavail).multipliedReportingOverflow(by: Int64(clamping: status.f_frsize))
        return overflow ? .max : bytes
    }
}
