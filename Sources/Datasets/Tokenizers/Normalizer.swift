import Text

@_spi(_Unicode) import Swift

/// The transformations of a text before it is split: composition, case, replacements.
struct Normalizer: Sendable {
    enum Step: Sendable {
        /// Canonical composition.
        case composed
        /// Canonical decomposition.
        case decomposed
        /// Compatibility decomposition of every character, without the canonical one.
        case compatible
        case lowercase
        /// BERT's own, up to its accents and its case, which are steps of their own.
        case cleaned(BertText)
        case withoutMarks
        /// Removes marks of every kind.
        case withoutAccents
        /// Removes control characters, and makes spaces of what separates lines or words.
        case nmt
        case mapped(CharacterMap)
        /// Writes each byte as the character that represents it.
        case byteLevel
        case strip(left: Bool, right: Bool)
        /// Puts the bytes before a text that is not empty.
        case prepend([UInt8])
        /// Puts the bytes in the place of every match of a pattern.
        case replace(pattern: Int, content: [UInt8])
    }

    var steps: [Step] = []

    private static let known =
        "BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Nmt, Precompiled, Prepend, Replace, ByteLevel or Sequence"

    init(_ section: JSONSection, patterns: inout PatternList) throws {
        if !section.isNull { try add(section, &patterns) }
        try section.checkLength(steps.count)
    }

    private mutating func add(_ section: JSONSection, _ patterns: inout PatternList) throws {
        let type = try section.type()
        switch type {
        case "BertNormalizer":
            let text = try BertText(section)
            steps.append(.cleaned(text))
            if text.stripsAccents { steps += [.decomposed, .withoutMarks] }
            if text.lowercases { steps.append(.lowercase) }
        case "NFC": steps.append(.composed)
        case "NFD": steps.append(.decomposed)
        case "NFKC": steps += [.compatible, .composed]
        case "NFKD": steps += [.compatible, .decomposed]
        case "StripAccents": steps.append(.withoutAccents)
        case "Nmt": steps.append(.nmt)
        case "ByteLevel": steps.append(.byteLevel)
        case "Precompiled":
            // Files of a model without rules have an empty table.
            let table = section["precompiled_charsmap"]
            if !table.isNull, case let text = try table.string(), !text.isEmpty { steps.append(.mapped(try CharacterMap(base64: text))) }
        case "Lowercase": steps.append(.lowercase)
        case "Strip": steps.append(.strip(left: try section["strip_left"].bool(), right: try section["strip_right"].bool()))
        case "Prepend": steps.append(.prepend(Array(try section["prepend"].string().utf8)))
        case "Replace":
            steps.append(.replace(pattern: try patterns.add(section["pattern"]), content: Array(try section["content"].string().utf8)))
        case "Sequence":
            for part in try section["normalizers"].list() { try add(part, &patterns) }
        default: throw section.unknownType(type, known: Self.known)
        }
    }

    private static let tooLong = Problem("the normalizer makes the text a hundred times longer")

    /// A text on its way through the steps.
    struct Text {
        var bytes: [UInt8]
        /// Whether it begins where the whole text does, nothing removed before it.
        var startsWholeText: Bool
    }

    /// Applies all steps to `text`.
    ///
    /// - Throws: ``Problem`` if a pattern needs too many steps, or the text grows beyond reason.
    func apply(to text: inout Text, _ patterns: PatternList, _ matcher: inout PatternMatcher) throws {
        let maximum = text.bytes.count * 100 + 1_000_000
        for step in steps {
            switch step {
            case .composed: text.bytes = Self.mapped(text.bytes) { $0._nfc }
            case .decomposed: text.bytes = Self.mapped(SimpleNormalization.withoutCompoundVowels(text.bytes)) { $0._nfd }
            case .compatible: text.bytes = Self.expanded(text.bytes)
            case .withoutAccents: text.bytes = SimpleNormalization.withoutAccents(text.bytes)
            case .nmt: text.bytes = SimpleNormalization.nmt(text.bytes)
            case .byteLevel: text.bytes = text.bytes.flatMap { UTF8.encode(ByteAlphabet.scalars[Int($0)]) ?? .init() }
            case .mapped(let map):
                guard let mapped = map.mapped(text.bytes, maximum: maximum) else { throw Self.tooLong }
                text.bytes = mapped
            case .lowercase: text.bytes = Self.lowercase(text.bytes)
            case .cleaned(let rules): text.bytes = rules.cleaned(text.bytes)
            case .withoutMarks: text.bytes = BertText.withoutMarks(text.bytes)
            case .strip(let left, let right): Self.strip(&text, left: left, right: right)
            case .prepend(let prefix): if !text.bytes.isEmpty { text.bytes.insert(contentsOf: prefix, at: 0) }
            case .replace(let pattern, let content):
                matcher.allowSteps(forBytes: text.bytes.count)
                try Self.replace(&text, patterns.programs[pattern], number: pattern, content, maximum: maximum, &matcher)
            }
            guard text.bytes.count <= maximum else { throw Self.tooLong }
        }
    }

    /// The version of Unicode by which the package composes and decomposes; newer characters are neither changed nor moved.
    static let unicodeVersion = 9

    private static func expanded(_ bytes: [UInt8]) -> [UInt8] {
        // The first character with such a decomposition is U+00A0.
        guard bytes.contains(where: { $0 >= 0xC2 }) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 8)
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            guard scalar.value >= 0xA0, let parts = CompatibilityMappings.decomposition(of: scalar),
                scalar.properties.age.map({ $0.major <= unicodeVersion }) ?? false
            else {
                result.append(contentsOf: UTF8.encode(scalar) ?? .init())
                continue
            }
            for part in parts { result.append(contentsOf: UTF8.encode(part) ?? .init()) }
        }
        return result
    }

    private static func mapped<Scalars: Sequence<Unicode.Scalar>>(_ bytes: [UInt8], _ transform: (String) -> Scalars) -> [UInt8] {
        // Below U+00C0 nothing decomposes, and below U+0300 nothing composes with the character before it.
        guard bytes.contains(where: { $0 >= 0xC3 }) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 8)
        var (position, end) = (0, 0)
        while position < bytes.count {
            guard bytes[position] >= 0x80 else {
                position += 1
                continue
            }
            // A run beyond ASCII is mapped together with the character before it, on which it may put accents.
            let start = max(position - 1, end)
            result.append(contentsOf: bytes[end..<start])
            while position < bytes.count, bytes[position] >= 0x80 { position += 1 }
            end = position
            appendMapped(String(decoding: bytes[start..<end], as: UTF8.self).unicodeScalars, to: &result, transform)
        }
        result.append(contentsOf: bytes[end...])
        return result
    }

    private static func appendMapped<Scalars: Sequence<Unicode.Scalar>>(
        _ scalars: String.UnicodeScalarView, to result: inout [UInt8], _ transform: (String) -> Scalars
    ) {
        func append(_ part: Substring.UnicodeScalarView) {
            for scalar in transform(String(part)) { result.append(contentsOf: UTF8.encode(scalar) ?? .init()) }
        }
        var start = scalars.startIndex
        for index in scalars.indices where scalars[index].value >= 0x300 {
            guard let age = scalars[index].properties.age, age.major > unicodeVersion else { continue }
            append(scalars[start..<index])
            result.append(contentsOf: UTF8.encode(scalars[index]) ?? .init())
            start = scalars.index(after: index)
        }
        append(scalars[start...])
    }

    private static func lowercase(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if scalar.isASCII {
                let byte = UInt8(scalar.value)
                result.append((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
            } else {
                result.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
            }
        }
        return result
    }

    private static func strip(_ text: inout Text, left: Bool, right: Bool) {
        let scalars = String(decoding: text.bytes, as: UTF8.self).unicodeScalars
        func length(_ part: some Sequence<Unicode.Scalar>) -> Int {
            part.prefix(while: \.properties.isWhitespace).reduce(0) { $0 + UTF8.width($1) }
        }
        let leading = left ? length(scalars) : 0
        let trailing = right && leading < text.bytes.count ? length(scalars.reversed()) : 0
        if leading > 0 { text.startsWholeText = false }
        text.bytes = Array(text.bytes[leading..<text.bytes.count - trailing])
    }

    private static func replace(
        _ text: inout Text, _ program: PatternProgram, number: Int, _ content: [UInt8], maximum: Int, _ matcher: inout PatternMatcher
    ) throws {
        var result: [UInt8] = []
        result.reserveCapacity(text.bytes.count)
        var (end, removesStart) = (0, false)
        try text.bytes.withUnsafeBufferPointer { bytes in
            var search = PatternMatcher.Search()
            while let match = try matcher.next(program, number: number, in: bytes, &search) {
                // A replacement of several characters belongs to the last of them.
                if match.lowerBound == 0, !match.isEmpty, content.isEmpty || match.upperBound > bytes.scalarLength(at: 0) {
                    removesStart = true
                }
                result.append(contentsOf: bytes[end..<match.lowerBound])
                result.append(contentsOf: content)
                end = match.upperBound
                guard result.count <= maximum else { throw tooLong }
            }
            result.append(contentsOf: bytes[end...])
        }
        text.bytes = result
        if removesStart { text.startsWholeText = false }
    }
}
