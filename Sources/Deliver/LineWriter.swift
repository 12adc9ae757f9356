import Dispatch
import Foundation
import Synchronization

/// Writes lines for `log` destinations, whole ones and one after the other.
package final class LineWriter: Sendable {
    private let folder: URL
    private let files = Mutex<[String: FileHandle]>([:])
    // Apart from each other and from everybody else's threads: whoever reads our standard output may stop doing so.
    private let outputQueue = DispatchQueue(label: "inlet.lines.output", qos: .utility)
    private let filesQueue = DispatchQueue(label: "inlet.lines.files", qos: .utility)

    private static let filesMax = 64

    /// - Parameter folder: where files are; made when the first one is written to.
    package init(folder: URL) {
        self.folder = folder
    }

    /// - Parameter file: a plain name, or one in a folder of that name; `nil` for standard output.
    /// - Throws: what the file system has to say.
    func write(_ line: String, to file: String?) async throws {
        let data = Data((line + "\n").utf8)
        let answer = OneAnswer()
        // Whoever reads our standard output may have stopped; then the thread stays behind, and nobody waits for it.
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answer.wait(continuation)
                if Task.isCancelled { answer.give(.failure(CancellationError())) }
                (file == nil ? outputQueue : filesQueue).async { [self] in
                    answer.give(Result { try (file.map(handle) ?? FileHandle.standardOutput).write(contentsOf: data) })
                }
            }
        } onCancel: {
            answer.give(.failure(CancellationError()))
        }
    }

    /// Resumes who waits once, whoever answers first.
    private final class OneAnswer: Sendable {
        private let waiting = Mutex<CheckedContinuation<Void, any Error>?>(nil)

        func wait(_ continuation: CheckedContinuation<Void, any Error>) {
            waiting.withLock { $0 = continuation }
        }

        func give(_ result: Result<Void, any Error>) {
            let continuation = waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            continuation?.resume(with: result)
        }
    }

    // Opened anew when it was moved away, so that files can be rotated.
    private func handle(_ file: String) throws -> FileHandle {
        let path = folder.appendingPathComponent(file).path
        return try files.withLock { files in
            if let handle = files[file], isStill(handle, at: path) { return handle }
            if files.count >= Self.filesMax { files = [:] }
            try FileManager.default.createDirectory(
                at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw CocoaError(.fileWriteNoPermission) }
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            files[file] = handle
            return handle
        }
    }

    private func isStill(_ handle: FileHandle, at path: String) -> Bool {
        var mine = stat()
        var there = stat()
        return fstat(handle.fileDescriptor, &mine) == 0 && lstat(path, &there) == 0 && mine.st_ino == there.st_ino
            && mine.st_dev == there.st_dev
    }
}
