/// A set of Unicode scalars as a pattern writes it: `\p{L}`, `\s`, `[^\r\n\p{L}\p{N}]`.
struct ScalarClass: Sendable, Equatable {
    /// One member of the set: scalars of any of the ranges, categories and properties.
    struct Item: Sendable, Equatable {
        var ranges: [ClosedRange<UInt32>] = []
        /// One bit per general category, in the order of ``Unicode/GeneralCategory/index``.
        var categories: UInt32 = 0
        var includesAlphabetic = false
        var includesWhitespace = false
        /// The scalars that are none of these.
        var isNegated = false

        func contains(_ scalar: Unicode.Scalar, category: UInt32) -> Bool {
            let isMember =
                categories >> category & 1 == 1 || includesAlphabetic && scalar.properties.isAlphabetic
                || includesWhitespace && scalar.properties.isWhitespace || ranges.contains { $0.contains(scalar.value) }
            return isMember != isNegated
        }

        static func scalar(_ value: UInt32) -> Item { Item(ranges: [value...value]) }
    }

    var items: [Item] = []
    var isNegated = false

    /// The version of Unicode whose tables the `tokenizers` package uses here; newer characters count as unassigned.
    var unicodeVersion = Self.patternVersion

    /// That of the package's pattern engines.
    static let patternVersion = 16

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        let isKnown = scalar.value < 0x80 || properties.age.map { $0.major <= unicodeVersion } ?? true
        if !isKnown {
            let category = Unicode.GeneralCategory.unassigned.index
            let isMember = items.contains { item in
                (item.categories >> category & 1 == 1 || item.ranges.contains { $0.contains(scalar.value) }) != item.isNegated
            }
            return isMember != isNegated
        }
        let category = properties.generalCategory.index
        return items.contains { $0.contains(scalar, category: category) } != isNegated
    }

    /// The members below 128, one bit each.
    var ascii: (low: UInt64, high: UInt64) {
        var (low, high): (UInt64, UInt64) = (0, 0)
        for value in UInt8(0)..<64 where contains(Unicode.Scalar(value)) { low |= 1 << UInt64(value) }
        for value in UInt8(64)..<128 where contains(Unicode.Scalar(value)) { high |= 1 << UInt64(value - 64) }
        return (low, high)
    }

    /// The members of the 256 scalars from `page` times 256 on, one bit each.
    func members(ofPage page: Int) -> [UInt64] {
        var words: [UInt64] = [0, 0, 0, 0]
        for offset in 0..<256 {
            guard let scalar = Unicode.Scalar(UInt32(page << 8 | offset)), contains(scalar) else { continue }
            words[offset >> 6] |= 1 << UInt64(offset & 63)
        }
        return words
    }

    // MARK: - Known sets

    static let whitespace = Item(includesWhitespace: true)
    static let digit = Item(categories: .categories("Nd")!)
    /// The word characters of the package's pattern engine.
    static let word = Item(
        ranges: [0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE], categories: .categories("M", "Nd", "Pc")!, includesAlphabetic: true)
    /// The word characters of the package's other pattern engine, which its `Whitespace` and added tokens use.
    static let wordOfAddedTokens = Item(
        ranges: [0x200C...0x200D], categories: .categories("M", "Nd", "Pc")!, includesAlphabetic: true)
    /// What `Digits` splits at, by the tables of Unicode 17.
    static let digits = ScalarClass(items: [Item(categories: .categories("N")!)], unicodeVersion: 17)
    /// What `Punctuation` splits at: punctuation by the tables of Unicode 8, and ASCII's symbols.
    static let punctuation = ScalarClass(
        items: [
            Item(
                ranges: [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E, 0x166D...0x166D, 0x111C9...0x111C9],
                categories: .categories("P")!)
        ], unicodeVersion: 8)
}

extension Unicode.GeneralCategory {
    /// A number from 0 to 29, in the order of the names below.
    var index: UInt32 {
        switch self {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .titlecaseLetter: 2
        case .modifierLetter: 3
        case .otherLetter: 4
        case .nonspacingMark: 5
        case .spacingMark: 6
        case .enclosingMark: 7
        case .decimalNumber: 8
        case .letterNumber: 9
        case .otherNumber: 10
        case .connectorPunctuation: 11
        case .dashPunctuation: 12
        case .openPunctuation: 13
        case .closePunctuation: 14
        case .initialPunctuation: 15
        case .finalPunctuation: 16
        case .otherPunctuation: 17
        case .mathSymbol: 18
        case .currencySymbol: 19
        case .modifierSymbol: 20
        case .otherSymbol: 21
        case .spaceSeparator: 22
        case .lineSeparator: 23
        case .paragraphSeparator: 24
        case .control: 25
        case .format: 26
        case .surrogate: 27
        case .privateUse: 28
        case .unassigned: 29
        @unknown default: 29
        }
    }
}

extension UInt32 {
    private static let categoryNames = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So",
        "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]

    /// The bits of general categories by their short names, of one or two letters; nil if one is not known.
    static func categories(_ names: String...) -> UInt32? {
        var bits: UInt32 = 0
        for name in names {
            let matching = categoryNames.indices.filter {
                categoryNames[$0] == name || name.count == 1 && categoryNames[$0].hasPrefix(name)
            }
            guard !matching.isEmpty else { return nil }
            for index in matching { bits |= 1 << UInt32(index) }
        }
        return bits
    }
}
