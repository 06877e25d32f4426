import Archives
import Text

/// The header of an `.npy` file: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
struct NPYHeader {
    let descriptor: String
    let isFortranOrder: Bool
    let shape: [Int]
    /// The place of the first element in the file.
    let dataOffset: Int

    static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
    /// Far beyond what 64 dimensions need; the longer headers of structured types are refused anyhow.
    private static let maximumLength = 1 << 20

    init(_ region: ByteRegion) throws(Problem) {
        var reader = ByteReader(region)
        guard let magic = reader.take(Self.magic.count), magic.bytes(0..<magic.count) == Self.magic else {
            throw Problem(problem: "is not an .npy file")
        }
        guard let major = reader.integer(UInt8.self), reader.integer(UInt8.self) != nil else {
            throw Problem(problem: "the file is truncated", expected: "a version")
        }
        let length: Int?
        switch major {
        case 1: length = reader.integer(UInt16.self).map(Int.init)
        case 2, 3: length = reader.integer(UInt32.self).map(Int.init)
        default: throw Problem(problem: "unsupported .npy version", expected: "1, 2 or 3", found: "\(major)")
        }
        guard let length else { throw Problem(problem: "the file is truncated", expected: "a header length") }
        guard length <= Self.maximumLength, let text = reader.take(length), let bytes = text.bytes(0..<length) else {
            throw Problem(
                problem: "the header does not fit the file", expected: "at most \(min(reader.remaining, Self.maximumLength)) bytes",
                found: "\(length)")
        }
        dataOffset = reader.position
        var parser = Parser(bytes: bytes)
        (descriptor, isFortranOrder, shape) = try parser.header()
    }

    /// Reads the one kind of Python literal that numpy writes.
    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func header() throws(Problem) -> (String, Bool, [Int]) {
            var descriptor: String?
            var isFortranOrder: Bool?
            var shape: [Int]?
            try expect("{")
            while !accept("}") {
                let key = try string()
                try expect(":")
                switch key {
                case "descr" where descriptor == nil:
                    descriptor = peek() == UInt8(ascii: "[") ? try list() : try string()
                case "fortran_order" where isFortranOrder == nil:
                    isFortranOrder = try boolean()
                case "shape" where shape == nil:
                    shape = try tuple()
                default:
                    throw Problem(
                        problem: "an unexpected key in the header", expected: "descr, fortran_order and shape once", found: "'\(key)'")
                }
                if !accept(",") {
                    try expect("}")
                    break
                }
            }
            skipSpace()
            guard position == bytes.count else { throw damaged("the header's end") }
            guard let descriptor, let isFortranOrder, let shape else {
                throw Problem(problem: "the header is incomplete", expected: "descr, fortran_order and shape")
            }
            return (descriptor, isFortranOrder, shape)
        }

        private mutating func skipSpace() {
            while position < bytes.count, [0x20, 0x0A, 0x09, 0x0D].contains(bytes[position]) { position += 1 }
        }

        private mutating func peek() -> UInt8? {
            skipSpace()
            return position < bytes.count ? bytes[position] : nil
        }

        private mutating func accept(_ character: Unicode.Scalar) -> Bool {
            guard peek() == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        private mutating func expect(_ character: Unicode.Scalar) throws(Problem) {
            guard accept(character) else { throw damaged("'\(character)'") }
        }

        private func damaged(_ expected: String) -> Problem {
            Problem(problem: "the header is not valid", expected: "\(expected) at byte \(position) of it")
        }

        private mutating func string() throws(Problem) -> String {
            guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { throw damaged("a string") }
            let start = position + 1
            guard let end = bytes[start...].firstIndex(of: quote), !bytes[start..<end].contains(UInt8(ascii: "\\")) else {
                throw damaged("a plain string")
            }
            position = end + 1
            return String(decoding: bytes[start..<end], as: UTF8.self)
        }

        /// The text of a list, as the types of structured arrays are.
        private mutating func list() throws(Problem) -> String {
            let start = position
            var depth = 0
            repeat {
                switch peek() {
                case UInt8(ascii: "["), UInt8(ascii: "("): depth += 1
                case UInt8(ascii: "]"), UInt8(ascii: ")"): depth -= 1
                case UInt8(ascii: "'"), UInt8(ascii: "\""):
                    _ = try string()
                    continue
                case nil: throw damaged("the end of a list")
                default: break
                }
                position += 1
            } while depth > 0
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }

        private mutating func boolean() throws(Problem) -> Bool {
            _ = peek()
            for (word, value) in [("True", true), ("False", false)] where bytes[position...].starts(with: word.utf8) {
                position += word.utf8.count
                return value
            }
            throw damaged("True or False")
        }

        private mutating func tuple() throws(Problem) -> [Int] {
            var lengths: [Int] = []
            try expect("(")
            while !accept(")") {
                lengths.append(try integer())
                guard lengths.count <= 64 else { throw Problem(problem: "too many dimensions", expected: "at most 64") }
                if !accept(",") {
                    // `(3)` is a number in Python, not a tuple.
                    guard lengths.count > 1 else { throw damaged("','") }
                    try expect(")")
                    break
                }
            }
            return lengths
        }

        private mutating func integer() throws(Problem) -> Int {
            _ = peek()
            let digits = bytes[position...].prefix { $0 >= 0x30 && $0 <= 0x39 }
            guard !digits.isEmpty, let value = Int(String(decoding: digits, as: UTF8.self)) else { throw damaged("a length") }
            position += digits.count
            return value
        }
    }
}
