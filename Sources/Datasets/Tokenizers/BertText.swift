import Text

@_spi(_Unicode) import Swift

/// The normalisation of BERT's tokenizers, as the `tokenizers` package does it: by the tables of Unicode 8.
struct BertText: Sendable {
    /// Removes control characters, and makes a space of every other white space.
    let cleans: Bool
    /// Puts spaces around ideographs.
    let separatesIdeographs: Bool
    /// Decomposes, and removes the marks.
    let stripsAccents: Bool
    let lowercases: Bool

    init(_ section: JSONSection) throws {
        cleans = try section["clean_text"].bool(absent: true)
        separatesIdeographs = try section["handle_chinese_chars"].bool(absent: true)
        lowercases = try section["lowercase"].bool(absent: true)
        stripsAccents = try section["strip_accents"].bool(absent: lowercases)
    }

    private static let unicodeVersion = 8

    /// The text without control characters, with spaces around ideographs. Accents and case come after it.
    func cleaned(_ bytes: [UInt8]) -> [UInt8] {
        guard cleans || separatesIdeographs else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 8)
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if cleans {
                if Self.isControl(scalar) { continue }
                if Self.isSpace(scalar) {
                    result.append(0x20)
                    continue
                }
            }
            let isIdeograph = separatesIdeographs && scalar.value >= 0x3400 && Self.isIdeograph(scalar.value)
            if isIdeograph { result.append(0x20) }
            result.append(contentsOf: UTF8.encode(scalar) ?? .init())
            if isIdeograph { result.append(0x20) }
        }
        return result
    }

    /// The text without marks that take no room.
    static func withoutMarks(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(where: { $0 >= 0xCC }) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars where !isMark(scalar) {
            result.append(contentsOf: UTF8.encode(scalar) ?? .init())
        }
        return result
    }

    private static func isKnown(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.age.map { $0.major <= unicodeVersion } ?? false
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D: return false
        case 0x20..<0x7F: return false
        case 0xFFFD: return true
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .privateUse: return isKnown(scalar)
            default: return false
            }
        }
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII ? [0x09, 0x0A, 0x0D, 0x20].contains(scalar.value) : scalar.properties.isWhitespace
    }

    private static func isIdeograph(_ value: UInt32) -> Bool {
        switch value {
        // The gap before 2B920 is the package's.
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2B81F, 0x2B920...0x2CEAF, 0x2F800...0x2FA1F:
            true
        default: false
        }
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x300: return false
        // Those whose category has changed since.
        case 0x1734, 0x1171E: return true
        case 0x1885, 0x1886, 0xA9BD, 0x111C9: return false
        default: return scalar.properties.generalCategory == .nonspacingMark && isKnown(scalar)
        }
    }
}
