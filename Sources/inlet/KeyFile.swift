import Domain
import Foundation

/// The file of the master keys: 0600, apart from the database.
enum KeyFile {
    /// Reads the keys.
    ///
    /// - Throws: ``SettingsError`` if others may read the file, or it holds no keys.
    static func read(_ file: URL) throws -> KeyRing {
        guard let text = try? String(contentsOf: file, encoding: .utf8) else {
            throw SettingsError(
                description: "The master key file \(file.path) cannot be read. Without it no secret can be checked: "
                    + "put it back, or say where it is with --master-key-file.")
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
        let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue ?? 0
        guard mode & 0o077 == 0 else {
            throw SettingsError(
                description: "Others may read the master key file \(file.path). Run: chmod 600 '\(file.path)'")
        }
        do {
            return try KeyRing(fileText: text)
        } catch KeyRingError.unreadable(let line) {
            throw SettingsError(description: "The master key file \(file.path) cannot be understood in line \(line).")
        } catch {
            throw SettingsError(description: "The master key file \(file.path) holds no key.")
        }
    }

    /// Makes a file with a new key, or reads the one that is there.
    static func readOrMake(_ file: URL) throws -> KeyRing {
        if FileManager.default.fileExists(atPath: file.path) { return try read(file) }
        let ring = KeyRing.random()
        try PrivateFile.write(ring.fileText, to: file)
        return ring
    }
}

/// A file that only its owner may read.
enum PrivateFile {
    /// Writes the whole file, made with mode 0600 from the start, flushed to disk, and put in place in one step.
    static func write(_ text: String, to file: URL) throws {
        let folder = file.deletingLastPathComponent()
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let draft = folder.appendingPathComponent(".\(file.lastPathComponent).\(UUID().uuidString)")
        guard
            FileManager.default.createFile(
                atPath: draft.path, contents: nil, attributes: [.posixPermissions: 0o600])
        else { throw SettingsError(description: "\(file.path) cannot be written.") }
        do {
            let handle = try FileHandle(forWritingTo: draft)
            try handle.write(contentsOf: Data(text.utf8))
            try handle.synchronize()
            try handle.close()
            guard rename(draft.path, file.path) == 0 else {
                throw SettingsError(description: "\(file.path) cannot be written.")
            }
        } catch {
            try? FileManager.default.removeItem(at: draft)
            throw error
        }
    }
}
