/// One of the servers that share a database.
package struct Node: Identified, Hashable, Sendable {
    package static let idPrefix = "nod"

    /// Another one at each start.
    package let id: ID<Node>
    /// 0...1023; part of the ids that this server makes, so that no two make the same.
    package let number: Int64

    package init(id: ID<Node>, number: Int64) {
        self.id = id
        self.number = number
    }

    /// Who does what is to be done once, of those that live.
    package static func leader(among living: [Node]) -> Node? {
        living.min { $0.number < $1.number }
    }

    /// Who sends to a destination: each server a share of all, and when one comes or goes only its own share moves (rendezvous hashing,
    /// Thaler and Ravishankar 1996).
    package static func sender(to destination: ID<Destination>, among living: [Node]) -> Node? {
        living.max { ($0.weight(for: destination), $0.number) < ($1.weight(for: destination), $1.number) }
    }

    // FNV-1a and a last mix, the same on each server; Swift's own hashes differ from process to process.
    private func weight(for destination: ID<Destination>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for part in [id.text, destination.text] {
            for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
        return hash ^ (hash >> 33)
    }
}
