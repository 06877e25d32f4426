/// The shapes of a checkpoint's tensors by name: what a tensor's neighbours say about it.
struct TensorIndex: Sendable {
    let names: [TensorName]
    let shapes: [[Int]]
    private let places: [String: Int]
    /// The modules that have experts below them.
    private let mixtures: Set<String>

    init(names: [TensorName], shapes: [[Int]]) {
        self.names = names
        self.shapes = shapes
        places = Dictionary(names.enumerated().map { ($1.full, $0) }, uniquingKeysWith: { first, _ in first })
        var mixtures: Set<String> = []
        for name in names {
            // The parts are slices of the full name.
            if let experts = name.experts {
                mixtures.insert(String(name.full[..<experts.startIndex].dropLast()))
            }
        }
        self.mixtures = mixtures
    }

    /// The shape of the tensor called `name`.
    func shape(of name: String) -> [Int]? { places[name].map { shapes[$0] } }

    /// Whether a module has experts below it, by its name without the closing dot.
    func isMixture(_ module: some StringProtocol) -> Bool { mixtures.contains(String(module)) }

    /// The shape of what is added to a weight's products: the bias of its module, or `b_enc` for `W_enc`.
    func biasShape(of name: TensorName) -> [Int]? {
        let last = name.last
        let front = name.full.dropLast(last.count)
        var candidates: [String] = []
        if last.hasPrefix("W") || last.hasPrefix("w"), !last.hasPrefix("weight") {
            candidates.append("b" + last.dropFirst())
        }
        // Searching a name is slow, and most end in a plain weight.
        if last == "weight" {
            candidates.append("bias")
        } else if last.utf8.count < "weight".utf8.count {
            // Holds no such word.
        } else if let range = last.firstRange(of: "weights") {
            candidates.append(last.replacingCharacters(in: range, with: "biases"))
            candidates.append(last.replacingCharacters(in: range, with: "bias"))
        } else if let range = last.firstRange(of: "weight") {
            candidates.append(last.replacingCharacters(in: range, with: "bias"))
        }
        if last == "kernel" { candidates.append("bias") }
        candidates.append(last + "_bias")
        for candidate in candidates {
            if let shape = shape(of: front + candidate) { return shape }
        }
        return nil
    }

    /// The name with the ending of its module replaced by another, and the same tail.
    static func sibling(of name: TensorName, replacing ending: String, with other: String) -> String? {
        let tail = name.last == "weight" && ending != "weight" ? ".weight" : ""
        guard name.full.hasSuffix(ending + tail) else { return nil }
        return name.full.dropLast(ending.count + tail.count) + other + tail
    }
}

extension Substring {
    fileprivate func replacingCharacters(in range: Range<Index>, with other: String) -> String {
        self[..<range.lowerBound] + other + self[range.upperBound...]
    }
}
