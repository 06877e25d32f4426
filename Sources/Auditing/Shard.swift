import Text

/// One of several parts of the checkpoints, for machines that share the work: a checkpoint's part depends on its name and the number of parts.
package struct Shard: Sendable, Hashable, CustomStringConvertible {
    /// Counted from 1.
    package let number: Int
    package let count: Int

    /// No cluster has more.
    package static let maximumCount = 1_000_000

    /// - Parameter text: `I/N` with I from 1 to N; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }), let number = Int(parts[0]),
            let count = Int(parts[1]), (1...Self.maximumCount).contains(count), (1...count).contains(number)
        else { return nil }
        self.number = number
        self.count = count
    }

    package var description: String { "\(number)/\(count)" }

    package func contains(_ name: String) -> Bool { Self.hash(name) % UInt64(count) == UInt64(number - 1) }

    /// FNV-1a with the last step of SplitMix64, whose lower bits depend on all of the name: the same on every machine, for all time.
    private static func hash(_ name: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }
}
