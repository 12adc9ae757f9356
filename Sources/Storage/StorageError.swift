/// What can go wrong below; for us, not for callers.
package enum StorageError: Error, Hashable, Sendable {
    /// The disk is full. Trying again helps once there is room.
    case full
    /// The database does not answer or an input or output failed. Trying again may help.
    case unavailable(String)
    /// A row with that key is there already.
    case conflict(String)
    /// What is stored is not what this program writes. Trying again does not help.
    case unreadable(String)
    /// A statement is wrong; a defect of this program.
    case statement(String)
    /// Another process holds the folder.
    case locked(String)
    /// The database was written by a newer Inlet, or its history was changed.
    case schema(String)
    /// The store is closed.
    case closed
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .full: "the disk is full"
        case .unavailable(let detail): "the database is not available: \(detail)"
        case .conflict(let detail): "the row exists already: \(detail)"
        case .unreadable(let detail): "the database holds what Inlet did not write, or is damaged: \(detail)"
        case .statement(let detail): "a statement failed: \(detail)"
        case .locked(let detail), .schema(let detail): detail
        case .closed: "the store is closed"
        }
    }
}
