import Archives

/// Finds pickles that begin anywhere in bytes that are no pickles themselves, such as those behind the last pickle of a file.
///
/// Bytes that only look like one are not taken for one: the names must be some that Python imports, of at least two ASCII characters for
/// module and name, and what follows must call one of them, or end a pickle that began with its protocol. Random bytes do so about once in
/// 10^13 places.
struct BuriedPickles {
    /// The globals of each pickle, up to its end or to where it is damaged.
    private(set) var found: [[Pickle.Global]] = []
    /// Whether there are more bytes, or more beginnings, than are looked at.
    private(set) var isIncomplete: Bool

    /// The bytes that are searched.
    static let searchLimit = 1 << 26
    /// The opcodes that are read in all, from all beginnings, and the bytes from each beginning on.
    private static let workLimit = 1 << 22
    private static let windowLength = 1 << 16

    /// - Parameter start: where in `region` the search begins.
    init(_ region: ByteRegion, from start: Int) {
        let end = min(region.count, start + Self.searchLimit)
        isIncomplete = end < region.count
        var position = start
        var work = 0
        while position < end, let place = region.withUnsafeBytes({ Self.beginning($0[start..<end], from: position) }) {
            guard work < Self.workLimit else {
                isIncomplete = true
                return
            }
            position = max(position, place.opcode) + 1
            guard let window = region.slice(offset: place.start, count: min(Self.windowLength, region.count - place.start)) else {
                continue
            }
            let pickle = PickleReader.calls(window)
            work += pickle.work
            let hasProtocol = window.integer(at: 0, as: UInt8.self) == PickleOpcode.proto.rawValue
            if let length = pickle.end, hasProtocol || !pickle.called.isEmpty, Self.arePlausible(pickle.globals) {
                found.append(pickle.globals)
                position = max(position, place.start + length)
            } else if Self.arePlausible(pickle.called) {
                found.append(pickle.called)
            }
        }
    }

    private static func arePlausible(_ globals: [Pickle.Global]) -> Bool {
        !globals.isEmpty && globals.allSatisfy { isName($0.module.utf8) && isName($0.name.utf8) }
    }

    private static func isName(_ bytes: some Collection<UInt8>) -> Bool {
        guard bytes.count >= 2, bytes.count <= nameLimit, let first = bytes.first, !(0x30...0x39).contains(first) else { return false }
        return bytes.allSatisfy(isNameByte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2E: true
        default: false
        }
    }

    private static let nameLimit = 256
}

// MARK: - Beginnings

extension BuriedPickles {
    /// The next opcode that a pickle may begin with or that names a global, and where a pickle around it may start.
    private static func beginning(_ bytes: Slice<UnsafeRawBufferPointer>, from start: Int) -> (start: Int, opcode: Int)? {
        for place in start..<bytes.endIndex {
            switch PickleOpcode(rawValue: bytes[place]) {
            case .proto:
                guard place + 2 < bytes.endIndex, (2...5).contains(bytes[place + 1]), PickleOpcode(rawValue: bytes[place + 2]) != nil
                else { continue }
                return (place, place)
            case .global:
                guard isNamedInLines(bytes, at: place + 1) else { continue }
                return (mark(bytes, before: place, within: 1) ?? place, place)
            case .inst:
                guard isNamedInLines(bytes, at: place + 1), let mark = mark(bytes, before: place, within: nameLimit) else { continue }
                return (mark, place)
            case .shortBinUnicode, .binUnicode:
                guard let middle = endOfText(bytes, at: place), endOfText(bytes, at: middle) != nil else { continue }
                return (place, place)
            default: continue
            }
        }
        return nil
    }

    /// The last mark in the `length` bytes before `place`: arguments stand between a mark and the name that is called.
    private static func mark(_ bytes: Slice<UnsafeRawBufferPointer>, before place: Int, within length: Int) -> Int? {
        bytes[max(bytes.startIndex, place - length)..<place].lastIndex(of: PickleOpcode.mark.rawValue)
    }

    /// Whether two lines begin at `place` that are names.
    private static func isNamedInLines(_ bytes: Slice<UnsafeRawBufferPointer>, at place: Int) -> Bool {
        var start = place
        for _ in 0..<2 {
            guard let end = bytes[start...].prefix(nameLimit + 1).firstIndex(where: { !isNameByte($0) }), bytes[end] == 0x0A,
                isName(bytes[start..<end])
            else { return false }
            start = end + 1
        }
        return true
    }

    /// The place behind the text at `place`, which must be a name, and behind the opcode that keeps it in the memo.
    private static func endOfText(_ bytes: Slice<UnsafeRawBufferPointer>, at place: Int) -> Int? {
        guard place + 5 < bytes.endIndex else { return nil }
        let start: Int
        switch PickleOpcode(rawValue: bytes[place]) {
        case .shortBinUnicode: start = place + 2
        case .binUnicode where bytes[place + 2] == 0 && bytes[place + 3] == 0 && bytes[place + 4] == 0: start = place + 5
        default: return nil
        }
        let end = start + Int(bytes[place + 1])
        guard end < bytes.endIndex, isName(bytes[start..<end]) else { return nil }
        switch PickleOpcode(rawValue: bytes[end]) {
        case .memoize: return end + 1
        case .binPut: return end + 2
        case .longBinPut: return end + 5
        default: return end
        }
    }
}
