import Archives

/// Which tensors of a checkpoint are one tensor under several names, as weights that two modules share are.
///
/// Such a tensor is one layer and one parameter: whatever its names, it is called by the first, and training changes it once.
package struct TiedTensors: Sendable {
    /// The names of each shared tensor; the first is that by which it is called.
    package let groups: [[String]]
    private let places: [String: Int]

    init(_ groups: [[String]]) {
        self.groups = groups
        places = Dictionary(
            groups.enumerated().flatMap { place, names in names.map { ($0, place) } }, uniquingKeysWith: { first, _ in first })
    }

    /// The name by which the tensor called `name` is called.
    package func first(_ name: String) -> String { places[name].map { groups[$0][0] } ?? name }

    /// Whether the tensor has another name, by which it is called.
    package func isRepeated(_ name: String) -> Bool { first(name) != name }

    /// All names of the tensor called `name`.
    package func names(_ name: String) -> [String] { places[name].map { groups[$0] } ?? [name] }

    /// The first name by each of the others.
    package var firsts: [String: String] {
        Dictionary(groups.flatMap { names in names.dropFirst().map { ($0, names[0]) } }, uniquingKeysWith: { first, _ in first })
    }
}

extension [TensorRecord] {
    /// Those groups of ``tied`` that the file says are one tensor, not just one place in a file.
    var declaredTies: [[String]] {
        let seconds = Set(lazy.filter(\.isSecondName).map(\.name))
        guard !seconds.isEmpty else { return [] }
        return tied.compactMap { names in
            let others = names.filter(seconds.contains)
            guard let first = names.first, !seconds.contains(first), !others.isEmpty else { return nil }
            return [first] + others
        }
    }

    /// The groups of tensors that are the same bytes of the file under several names, each in the given order, but those last that the file says
    /// to be others under a second name.
    package var tied: [[String]] {
        // Few bytes are shared: only those at one address are compared further.
        var places: [UInt: [Int]] = [:]
        places.reserveCapacity(count)
        for (index, tensor) in enumerated() where tensor.storedByteCount > 0 {
            guard let first = tensor.stored.first else { continue }
            places[first.bytes.address, default: []].append(index)
        }
        var groups: [[Int]] = []
        for indices in places.values where indices.count > 1 {
            var groupsHere: [View: [Int]] = [:]
            for index in indices { groupsHere[View(self[index]), default: []].append(index) }
            groups += groupsHere.values.filter { $0.count > 1 }
        }
        return groups.sorted { $0[0] < $1[0] }.map { group in
            (group.filter { !self[$0].isSecondName } + group.filter { self[$0].isSecondName }).map { self[$0].name }
        }
    }
}

extension ByteRegion {
    fileprivate var address: UInt { withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
}

/// How the bytes at an address are read, and what else the elements are computed from.
private struct View: Hashable {
    /// The locations of the tensors that the elements are computed from; empty if they are not computed.
    let parts: [View]
    let address: UInt
    let summary: String?
    let selection: [Int]
    let count: Int
    let dtype: DType
    let shape: [Int]
    let strides: [Int]?
    let isNegated: Bool

    init(_ tensor: TensorRecord) {
        parts = tensor.derived?.stored.map(View.init) ?? []
        address = tensor.derived == nil ? tensor.bytes.address : 0
        summary = tensor.derived?.summary
        selection = tensor.derived?.selection ?? []
        count = tensor.bytes.count
        dtype = tensor.dtype
        shape = tensor.shape
        strides = tensor.strides
        isNegated = tensor.isNegated
    }
}
