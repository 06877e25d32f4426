import Text

/// A pattern in the form that ``PatternMatcher`` runs: instructions over the bytes of UTF-8.
struct PatternProgram: Sendable {
    /// The members of a class below 128 as bits, and the class's number for all other scalars.
    struct ClassReference: Sendable {
        let low: UInt64
        let high: UInt64
        let index: Int

        @inline(__always)
        func contains(ascii byte: UInt8) -> Bool {
            (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte & 63)) & 1 == 1
        }
    }

    enum Instruction: Sendable {
        /// One byte of a literal.
        case byte(UInt8)
        /// One scalar of the class.
        case oneOf(ClassReference)
        /// Scalars of the class, as many as there are up to the maximum; gives them back one by one unless it is possessive.
        case run(ClassReference, minimum: Int, maximum: Int, isPossessive: Bool)
        /// Goes on at the first place, and at the second where that fails.
        case split(Int, Int)
        case jump(Int)
        /// The instructions up to `end` must match here, or must not; continues at `end` in the same place.
        case lookahead(isNegative: Bool, end: Int)
        /// The match of the instructions up to `end` is final: the matcher does not return into it.
        case atomic(end: Int)
        case anchor(PatternNode.Anchor)
        case accept
    }

    private(set) var instructions: [Instruction] = []
    private(set) var classes: [ScalarClass] = []
    /// Where each of the pattern's alternatives starts, in the order in which they are tried.
    private(set) var alternatives: [Int] = []
    /// For each byte that may come next, the alternatives that can match there, one bit each.
    private(set) var alternativesByByte: [UInt64]
    /// The alternatives that can match at the end of the text.
    private(set) var alternativesAtEnd: UInt64 = 0

    static let maximumInstructionCount = 20_000
    static let maximumClassCount = 256

    /// Compiles `pattern`.
    ///
    /// - Throws: ``Problem`` that shows the unsupported part, or if the program is too large.
    init(_ pattern: String) throws {
        try self.init(PatternParser.parse(pattern))
    }

    /// A program that finds `text` itself.
    init(literal text: String) throws {
        try self.init(.sequence(text.unicodeScalars.map { .scalar($0) }))
    }

    init(_ node: PatternNode) throws {
        alternativesByByte = Array(repeating: 0, count: 256)
        var parts = [node]
        if case .alternatives(let nodes) = node, nodes.count <= 64 { parts = nodes }
        for (index, part) in parts.enumerated() {
            alternatives.append(instructions.count)
            try emit(part)
            try append(.accept)
            let bit = UInt64(1) << UInt64(index)
            let start = FirstBytes(part)
            if start.canBeEmpty { alternativesAtEnd |= bit }
            for byte in 0..<256 where start.canBeEmpty || start.bytes[byte] { alternativesByByte[byte] |= bit }
        }
    }

    private mutating func append(_ instruction: Instruction) throws {
        guard instructions.count < Self.maximumInstructionCount else {
            throw Problem("a pattern is too large", expected: "at most \(Self.maximumInstructionCount) steps")
        }
        instructions.append(instruction)
    }

    private mutating func reference(to scalarClass: ScalarClass) throws -> ClassReference {
        if let index = classes.firstIndex(of: scalarClass) {
            let ascii = scalarClass.ascii
            return ClassReference(low: ascii.low, high: ascii.high, index: index)
        }
        guard classes.count < Self.maximumClassCount else {
            throw Problem("a pattern has too many classes", expected: "at most \(Self.maximumClassCount)")
        }
        classes.append(scalarClass)
        let ascii = scalarClass.ascii
        return ClassReference(low: ascii.low, high: ascii.high, index: classes.count - 1)
    }

    private mutating func emit(_ node: PatternNode) throws {
        switch node {
        case .empty: break
        case .scalar(let scalar):
            for byte in UTF8.encode(scalar) ?? .init() { try append(.byte(byte)) }
        case .oneOf(let scalarClass): try append(.oneOf(try reference(to: scalarClass)))
        case .sequence(let parts):
            for part in parts { try emit(part) }
        case .alternatives(let parts): try emitAlternatives(parts)
        case .repeated(let part, let minimum, let maximum, let greed):
            try emitRepetition(part, minimum: minimum, maximum: maximum, greed)
        case .lookahead(let part, let isNegative):
            let start = instructions.count
            try append(.accept)
            try emit(part)
            try append(.accept)
            instructions[start] = .lookahead(isNegative: isNegative, end: instructions.count)
        case .atomic(let part):
            let start = instructions.count
            try append(.accept)
            try emit(part)
            try append(.accept)
            instructions[start] = .atomic(end: instructions.count)
        case .anchor(let anchor): try append(.anchor(anchor))
        }
    }

    private mutating func emitAlternatives(_ parts: [PatternNode]) throws {
        var jumps: [Int] = []
        for (index, part) in parts.enumerated() {
            guard index + 1 < parts.count else {
                try emit(part)
                break
            }
            let split = instructions.count
            try append(.accept)
            try emit(part)
            jumps.append(instructions.count)
            try append(.accept)
            instructions[split] = .split(split + 1, instructions.count)
        }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func emitRepetition(_ part: PatternNode, minimum: Int, maximum: Int?, _ greed: PatternNode.Greed) throws {
        if greed != .lazy, let scalarClass = part.scalarClass {
            let reference = try reference(to: scalarClass)
            return try append(.run(reference, minimum: minimum, maximum: maximum ?? .max, isPossessive: greed == .possessive))
        }
        if greed == .possessive {
            return try emit(.atomic(.repeated(part, minimum: minimum, maximum: maximum, .greedy)))
        }
        for _ in 0..<minimum { try emit(part) }
        guard let maximum else {
            let split = instructions.count
            try append(.accept)
            try emit(part)
            try append(.jump(split))
            instructions[split] = branch(into: split + 1, past: instructions.count, greed)
            return
        }
        var splits: [Int] = []
        for _ in minimum..<maximum {
            splits.append(instructions.count)
            try append(.accept)
            try emit(part)
        }
        for split in splits { instructions[split] = branch(into: split + 1, past: instructions.count, greed) }
    }

    private func branch(into body: Int, past end: Int, _ greed: PatternNode.Greed) -> Instruction {
        greed == .lazy ? .split(end, body) : .split(body, end)
    }
}

extension PatternNode {
    /// The class of a node that matches exactly one scalar.
    fileprivate var scalarClass: ScalarClass? {
        switch self {
        case .oneOf(let scalarClass): scalarClass
        case .scalar(let scalar): ScalarClass(items: [.scalar(scalar.value)])
        default: nil
        }
    }
}

/// The bytes with which a match can start.
private struct FirstBytes {
    var bytes = Array(repeating: false, count: 256)
    var canBeEmpty: Bool

    init(_ node: PatternNode) {
        canBeEmpty = node.canBeEmpty
        add(node)
    }

    private mutating func add(_ node: PatternNode) {
        switch node {
        case .empty, .anchor, .lookahead: break
        case .scalar(let scalar): bytes[Int((UTF8.encode(scalar) ?? .init()).first ?? 0)] = true
        case .oneOf(let scalarClass):
            let ascii = scalarClass.ascii
            for byte in 0..<64 {
                if ascii.low >> UInt64(byte) & 1 == 1 { bytes[byte] = true }
                if ascii.high >> UInt64(byte) & 1 == 1 { bytes[byte + 64] = true }
            }
            for byte in 0x80..<256 { bytes[byte] = true }
        case .sequence(let parts):
            for part in parts {
                add(part)
                if !part.canBeEmpty { break }
            }
        case .alternatives(let parts):
            for part in parts { add(part) }
        case .repeated(let part, _, _, _), .atomic(let part): add(part)
        }
    }
}
