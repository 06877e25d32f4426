import Archives

/// Matrices that an exporter has stored again, mostly turned round, because the model reads one weight in two ways: as a table of embeddings and as
/// the matrix of the logits, or as the encoder and, turned round, as the decoder. PyTorch's exporters do so where they compute constants.
///
/// Both are one weight of the model, which training changes once. Equal numbers alone are no evidence: weights that begin as copies of each other are
/// several. So a matrix is a copy if all of its numbers are those of another and
/// - the file says of which parameter the exporter has computed it (the newer exporter of PyTorch notes it), or a module of which the graph has the
///   parameter reads it as its weight; or,
/// - without such notes, an exporter has made its name up, that other is the only one, the numbers are more than a few different ones, and no module
///   reads it whose weight could not be the other: one that is turned round is read by a function, not as the weight of another module.
struct ONNXCopies {
    struct Copy {
        /// The values of the graph that are the copy and what it is a copy of.
        let value: String
        let source: String
        /// Whether the rows of the one are the columns of the other, as the file has them.
        let isTurned: Bool
        /// Whether the file says so; otherwise names and numbers do.
        let isDeclared: Bool
    }

    /// Copies that the checkpoint has in the shape of what they are copies of: second names.
    private(set) var seconds: [Copy] = []
    /// Copies that the graph is to make of their source, as the model did before it was exported.
    private(set) var made: [Copy] = []
    /// The tensors that the exporter has computed of parameters in another way, with the names of these.
    private(set) var computed: [(value: String, parameters: [String])] = []

    /// Tensors of which nothing says whether they are copies of others, whose numbers they have, or not: they are not taken for copies.
    private(set) var undecided: [(value: String, source: String)] = []

    private let matrices: [String: ONNX.StoredTensor]
    private let neighbours: Neighbours

    /// - Parameters:
    ///   - stored: the tensors of the graph.
    ///   - learned: what the file says of them.
    ///   - neighbours: finds the files in the model's folder.
    init(_ stored: [ONNX.StoredTensor], learned: LearnedValues, neighbours: Neighbours) {
        self.neighbours = neighbours
        let usable = stored.filter { entry in
            if case .quantised? = entry.use { return false }
            return entry.tensor.shape.count == 2 && !entry.tensor.shape.contains { $0 < 2 } && entry.tensor.isFloatingPoint
        }
        matrices = Dictionary(usable.map { ($0.value, $0) }, uniquingKeysWith: { first, _ in first })
        guard !learned.isOwn else { return }
        var found: [Copy] = []
        var origins: [String: (parameters: [String], steps: Int)] = [:]
        for entry in stored { origins[entry.value] = learned.parameters(of: entry.value) }
        // By the only parameter that each is, or was computed of.
        var families: [String: [ONNX.StoredTensor]] = [:]
        for entry in stored {
            if let origin = origins[entry.value], origin.parameters.count == 1 { families[origin.parameters[0], default: []].append(entry) }
        }
        for family in families.values where family.count > 1 { found += copies(in: family, origins.mapValues(\.steps)) }
        found += undeclared(usable.filter { origins[$0.value] == nil }, among: usable)
        let order = Dictionary(stored.enumerated().map { ($1.value, $0) }, uniquingKeysWith: { first, _ in first })
        found.sort { order[$0.value] ?? 0 < order[$1.value] ?? 0 }
        let values = Set(found.map(\.value))
        found.removeAll { values.contains($0.source) }
        let others = Set(found.filter { !hasLayoutOfSource($0) }.map(\.source))
        for copy in found where !(matrices[copy.value]?.isConstant ?? true) || !others.contains(copy.source) {
            if others.contains(copy.source) { made.append(copy) } else { seconds.append(copy) }
        }
        let same = Set(found.flatMap { [$0.value, $0.source] })
        for entry in stored {
            guard let origin = origins[entry.value], origin.steps > 0, !origin.parameters.isEmpty, !same.contains(entry.value) else {
                continue
            }
            let isAlone = origin.parameters.count == 1 && families[origin.parameters[0]]?.count == 1
            if isAlone, learned.parameters(computedInto: entry.value).isEmpty { continue }
            computed.append((entry.value, origin.parameters))
        }
    }

    /// The tensors that become second names, by their names in the checkpoint.
    func apply(to tensors: inout [TensorRecord], _ stored: [ONNX.StoredTensor]) {
        guard !seconds.isEmpty else { return }
        let names = Dictionary(stored.map { ($0.value, $0.name) }, uniquingKeysWith: { first, _ in first })
        let places = Dictionary(tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        for copy in seconds {
            guard let name = names[copy.value], let place = places[name], let source = names[copy.source].flatMap({ places[$0] }),
                tensors[source].shape == tensors[place].shape
            else { continue }
            tensors[place] = tensors[source].secondNamed(name)
        }
    }

    /// Whether the checkpoint has a copy in the shape and order of its source: the operators that read them decide.
    private func hasLayoutOfSource(_ copy: Copy) -> Bool {
        guard let value = matrices[copy.value], let source = matrices[copy.source] else { return false }
        let isSame = ONNX.isTransposed(value.tensor.shape, value.use) == ONNX.isTransposed(source.tensor.shape, source.use)
        return isSame != copy.isTurned
    }

    // MARK: What the file says

    /// The copies among what is one parameter, or was computed of it alone in a number of steps, each of which may have turned it round.
    private func copies(in family: [ONNX.StoredTensor], _ steps: [String: Int]) -> [Copy] {
        let members = family.filter { matrices[$0.value] != nil }
        guard let source = members.first(where: { steps[$0.value] == 0 }) ?? members.first else { return [] }
        return members.compactMap { entry in
            guard entry.value != source.value else { return nil }
            let isOdd = ((steps[entry.value] ?? 0) - (steps[source.value] ?? 0)) % 2 != 0
            return [isOdd, !isOdd].first { isCopy(entry, of: source, isTurned: $0) }.map {
                Copy(value: entry.value, source: source.value, isTurned: $0, isDeclared: true)
            }
        }
    }

    /// The operations of PyTorch that turn a matrix round, after which the newer exporter names what it computes.
    private static let turnings: Set<String> = ["t", "transpose", "permute", "numpy_t", "mt"]

    private static func stem(_ name: String) -> String {
        guard let end = name.lastIndex(of: "_"), name[end...].dropFirst().allSatisfy(\.isNumber) else { return name.lowercased() }
        return name[..<end].lowercased()
    }

    // MARK: What names and numbers say

    private mutating func undeclared(_ candidates: [ONNX.StoredTensor], among all: [ONNX.StoredTensor]) -> [Copy] {
        func isMadeUp(_ name: String) -> Bool { ONNXUses.isNumbered(name) || Self.turnings.contains(Self.stem(name)) }
        let copies = candidates.filter { isMadeUp($0.value) }
        guard !copies.isEmpty else { return [] }
        // A name that was made up is no weight of the model's own, unless a module reads it.
        var sources: [[Int]: [ONNX.StoredTensor]] = [:]
        for entry in all where !isMadeUp(entry.value) || entry.moduleName != nil {
            sources[entry.tensor.shape.sorted(), default: []].append(entry)
        }
        return copies.compactMap { entry in
            var equal: [Copy] = []
            for source in sources[entry.tensor.shape.sorted()] ?? [] where source.value != entry.value {
                for isTurned in [true, false] {
                    let isWeight = entry.moduleName == source.value
                    let copy = Copy(value: entry.value, source: source.value, isTurned: isTurned, isDeclared: isWeight)
                    let mayBe = hasLayoutOfSource(copy) ? !isMadeUp(source.value) : mayBeTurned(entry, source)
                    guard isWeight || mayBe, isCopy(entry, of: source, isTurned: isTurned) else { continue }
                    equal.append(copy)
                    break
                }
            }
            if let declared = equal.first(where: \.isDeclared) { return declared }
            // Layers that begin as copies of each other are several, and so may be masks and identities.
            if equal.count == 1, hasVariety(equal[0]) { return equal[0] }
            undecided += equal.map { ($0.value, $0.source) }
            return nil
        }
    }

    /// Whether what reads a matrix may read another, turned round: no module does as its weight, but a function in the module around the other's.
    private func mayBeTurned(_ entry: ONNX.StoredTensor, _ source: ONNX.StoredTensor) -> Bool {
        guard let module = entry.moduleName?.split(separator: ".").dropLast() else { return true }
        return source.name.split(separator: ".").dropLast().starts(with: module) && entry.moduleName != source.name
    }

    // MARK: Numbers

    private func isCopy(_ entry: ONNX.StoredTensor, of source: ONNX.StoredTensor, isTurned: Bool) -> Bool {
        let shape = source.tensor.shape
        guard entry.tensor.type == source.tensor.type, entry.tensor.shape == (isTurned ? shape.reversed() : shape),
            let first = try? source.tensor.record(name: source.name, neighbours: neighbours),
            let second = try? entry.tensor.record(name: entry.name, neighbours: neighbours)
        else { return false }
        return MatrixComparison(first, second, isTurned: isTurned).areEqual()
    }

    /// Whether a copy has more than a few different numbers.
    private func hasVariety(_ copy: Copy) -> Bool {
        guard let source = matrices[copy.source], let record = try? source.tensor.record(name: source.name, neighbours: neighbours) else {
            return false
        }
        return MatrixComparison.samples(rows: record.shape[0], columns: record.shape[1])
            .reduce(into: Set<UInt64>()) { $0.formUnion([record.bits(at: $1.row * record.shape[1] + $1.column)]) }.count > 2
    }
}

extension TensorRecord {
    /// The bits of an element of a tensor that is stored row by row; 0 for one outside.
    fileprivate func bits(at place: Int) -> UInt64 {
        let width = dtype.bytesPerBlock
        guard strides == nil, place >= 0, (place + 1) * width <= bytes.count else { return 0 }
        return bytes.withUnsafeBytes { $0[place * width..<(place + 1) * width].reduce(0) { $0 << 8 | UInt64($1) } }
    }
}
