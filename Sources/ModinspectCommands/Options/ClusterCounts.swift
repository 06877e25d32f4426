import ArgumentParser

/// The value of `-k`: `4`, `auto`, a range `2-14` or a list `2,4,8`.
enum ClusterCounts: ExpressibleByArgument, Equatable {
    case auto
    /// One count or more, each between 1 and ``largest``, in the order given without repetition.
    case counts([Int])

    static let largest = 4096
    /// The accepted values, in words.
    static let expectation = "a number from 1 to \(largest), a range 2-14, a list 2,4,8 or auto"

    init?(argument: String) {
        if argument == "auto" {
            self = .auto
            return
        }
        var counts: [Int] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
            guard let first = ends.first.flatMap(Self.count), let last = ends.last.flatMap(Self.count), ends.count <= 2, first <= last
            else { return nil }
            for count in first...last where !counts.contains(count) { counts.append(count) }
        }
        guard !counts.isEmpty else { return nil }
        self = .counts(counts)
    }

    private static func count(_ text: Substring) -> Int? {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let count = Int(text), (1...largest).contains(count) else { return nil }
        return count
    }

    var defaultValueDescription: String {
        switch self {
        case .auto: "auto"
        case .counts(let counts): counts.map(String.init).joined(separator: ",")
        }
    }
}
