import CEmbeddedFiles
import Foundation

/// Files of the repository that are part of the program.
package enum EmbeddedFiles {
    /// Every file by its name; the C compiler puts them in (`#embed`), for Swift takes minutes to compile that many bytes.
    package static let all: [String: Data] = {
        var count = 0
        let files = UnsafeBufferPointer(start: embedded_files(&count), count: count)
        let pairs = files.map { file in
            // What the program holds is neither copied nor freed.
            let bytes = Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: file.bytes), count: file.count, deallocator: .none)
            return (String(cString: file.name), bytes)
        }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }()
}
