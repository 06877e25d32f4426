import Archives
import Text

/// The pickle machine, protocols 0 to 5, with everything that would import or call turned into data.
struct PickleReader {
    private var reader: ByteReader
    private var pickle = Pickle()
    private var stack: [PickleValue] = []
    /// The heights of the stack at which there are marks.
    private var marks: [Int] = []
    /// The memo's first indices, without gaps, and the others.
    private var memo: [PickleValue] = []
    private var sparseMemo: [Int: PickleValue] = [:]
    private var opcodeOffset = 0
    /// The opcodes executed, and one more for so many bytes that were searched for a line's end in vain.
    private var work = 0
    private static let searchedPerWork = 16
    private var valueCount = 0

    /// The values a pickle may create; a checkpoint's has thousands. The limit bounds the memory that a small file can use.
    private static let valueLimit = 1 << 23
    /// The longest name of a module or of something in it.
    private static let nameLimit = 1024

    private init(_ region: ByteRegion, at offset: Int) {
        reader = ByteReader(region, at: offset)
    }

    /// Reads one pickle.
    ///
    /// - Returns: the pickle and the place of the byte after it.
    static func read(_ region: ByteRegion, at offset: Int = 0) throws(Problem) -> (pickle: Pickle, end: Int) {
        guard offset >= 0, offset <= region.count else { throw Problem(pickleAt: offset, problem: "the file ends") }
        var machine = PickleReader(region, at: offset)
        try machine.run()
        machine.pickle.byteCount = machine.reader.position - offset
        return (machine.pickle, machine.reader.position)
    }

    /// The globals that a pickle names up to its end or to where it is damaged, which a loader would have imported all the same.
    ///
    /// - Returns: also the place of the byte after it if it is complete, otherwise what is wrong.
    static func globals(_ region: ByteRegion, at offset: Int) -> (globals: [Pickle.Global], end: Int?, problem: String?) {
        guard offset >= 0, offset < region.count else { return ([], nil, "the file ends") }
        var machine = PickleReader(region, at: offset)
        do {
            try machine.run()
            return (machine.pickle.globals, machine.reader.position, nil)
        } catch {
            return (machine.pickle.globals, nil, error.description)
        }
    }

    /// The globals that a pickle names up to its end or to where it is damaged, and those among them that it calls or makes instances of.
    ///
    /// - Returns: also the place of the byte after it, nil if it is damaged, and the number of opcodes read.
    static func calls(_ region: ByteRegion) -> (globals: [Pickle.Global], called: [Pickle.Global], end: Int?, work: Int) {
        var machine = PickleReader(region, at: 0)
        let isComplete = (try? machine.run()) != nil
        let pickle = machine.pickle
        return (
            pickle.globals, pickle.objects.compactMap { pickle.global($0.callable) }, isComplete ? machine.reader.position : nil,
            machine.work
        )
    }

    private mutating func run() throws(Problem) {
        while true {
            opcodeOffset = reader.position
            work += 1
            let code: UInt8 = try number("an opcode")
            guard let opcode = PickleOpcode(rawValue: code) else { throw failure("opcode \(code) is not known") }
            if opcode == .stop {
                pickle.root = try pop()
                return
            }
            try execute(opcode)
        }
    }

    private mutating func execute(_ opcode: PickleOpcode) throws(Problem) {
        switch opcode {
        case .proto:
            let version: UInt8 = try number("the protocol")
            guard version <= 5 else { throw failure("protocol \(version) is not known, expected 0 to 5") }
        case .frame:
            let length: UInt64 = try number("a frame's length")
            guard length <= UInt64(reader.remaining) else { throw failure("a frame of \(length) bytes extends past the end of the file") }
        case .stop: break
        case .mark:
            try count()
            marks.append(stack.count)
        case .pop:
            if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
        case .popMark: _ = try popToMark()
        case .dup: try push(top())
        case .none: try push(.none)
        case .newTrue: try push(.boolean(true))
        case .newFalse: try push(.boolean(false))
        case .binInt: try push(.integer(Int(try number("an integer") as Int32)))
        case .binInt1: try push(.integer(Int(try number("an integer") as UInt8)))
        case .binInt2: try push(.integer(Int(try number("an integer") as UInt16)))
        case .long1: try pushLong(Int(try number("a length") as UInt8))
        case .long4: try pushLong(Int(try number("a length") as Int32))
        case .binFloat: try push(.float(Double(bitPattern: (try number("a float") as UInt64).byteSwapped)))
        case .int, .long, .float, .string, .unicode: try pushLine(opcode)
        case .binUnicode: try pushText(Int(try number("a length") as UInt32))
        case .shortBinUnicode: try pushText(Int(try number("a length") as UInt8))
        case .binUnicode8: try pushText(try wideLength())
        case .binBytes: try push(.bytes(try addRegion(Int(try number("a length") as UInt32))))
        case .shortBinBytes: try push(.bytes(try addRegion(Int(try number("a length") as UInt8))))
        case .binBytes8, .byteArray8: try push(.bytes(try addRegion(try wideLength())))
        case .binString: try push(.byteString(try addRegion(Int(try number("a length") as Int32))))
        case .shortBinString: try push(.byteString(try addRegion(Int(try number("a length") as UInt8))))
        case .emptyTuple: try pushTuple([])
        case .tuple1: try pushTuple(try pop(count: 1))
        case .tuple2: try pushTuple(try pop(count: 2))
        case .tuple3: try pushTuple(try pop(count: 3))
        case .tuple: try pushTuple(try popToMark())
        case .emptyList, .emptySet: try pushList([])
        case .list, .frozenSet: try pushList(try popToMark())
        case .emptyDict: try pushDictionary([])
        case .dict: try pushDictionary(try popToMark())
        case .append: try append([try pop()])
        case .appends, .addItems: try append(try popToMark())
        case .setItem: try setItems(try pop(count: 2))
        case .setItems: try setItems(try popToMark())
        case .global: try push(.global(addGlobal(try line(), try line())))
        case .stackGlobal:
            let names = try pop(count: 2)
            guard let module = pickle.text(names[0]), let name = pickle.text(names[1]) else {
                throw failure("STACK_GLOBAL needs two strings")
            }
            try push(.global(addGlobal(module, name)))
        case .reduce: try pushObject(try pop(count: 2), isInstance: false)
        case .newObj: try pushObject(try pop(count: 2), isInstance: true)
        case .newObjEx: try pushObject(Array(try pop(count: 3).prefix(2)), isInstance: true)
        case .inst:
            let callable = PickleValue.global(try addGlobal(try line(), try line()))
            try pushTuple(try popToMark())
            try pushObject([callable, try pop()], isInstance: true)
        case .obj:
            let parts = try popToMark()
            guard let callable = parts.first else { throw failure("OBJ without a class") }
            try pushTuple(Array(parts.dropFirst()))
            try pushObject([callable, try pop()], isInstance: true)
        case .build: try build()
        case .persId:
            pickle.texts.append(try line())
            try pushPersistent(.text(pickle.texts.count - 1))
        case .binPersId: try pushPersistent(try pop())
        case .put: try store(try memoIndex(try line()))
        case .binPut: try store(Int(try number("a memo index") as UInt8))
        case .longBinPut: try store(Int(try number("a memo index") as UInt32))
        case .memoize: try store(memo.count + sparseMemo.count)
        case .get: try push(recall(try memoIndex(try line())))
        case .binGet: try push(recall(Int(try number("a memo index") as UInt8)))
        case .longBinGet: try push(recall(Int(try number("a memo index") as UInt32)))
        case .ext1: try pushExtension(Int(try number("a code") as UInt8))
        case .ext2: try pushExtension(Int(try number("a code") as UInt16))
        case .ext4: try pushExtension(Int(try number("a code") as Int32))
        case .nextBuffer: throw failure("buffers outside the pickle are not supported")
        case .readOnlyBuffer: break
        }
    }
}

// MARK: - Bytes

extension PickleReader {
    private func failure(_ problem: String) -> Problem { Problem(pickleAt: opcodeOffset, problem: problem) }

    private mutating func number<Integer: FixedWidthInteger & BitwiseCopyable>(_ what: String) throws(Problem) -> Integer {
        guard let value = reader.integer(Integer.self) else { throw failure("the file ends before \(what)") }
        return value
    }

    private mutating func wideLength() throws(Problem) -> Int {
        let length: UInt64 = try number("a length")
        guard let count = Int(exactly: length) else { throw failure("a length of \(length) bytes extends past the end of the file") }
        return count
    }

    private mutating func take(_ count: Int) throws(Problem) -> ByteRegion {
        guard let region = reader.take(count) else {
            throw failure("a length of \(count) bytes extends past the end of the file, \(reader.remaining) remain")
        }
        return region
    }

    private mutating func addRegion(_ count: Int) throws(Problem) -> Int {
        pickle.regions.append(try take(count))
        return pickle.regions.count - 1
    }

    /// The bytes up to the next line end, which is skipped.
    private mutating func lineBytes() throws(Problem) -> ByteRegion {
        let start = reader.position
        let length = reader.region.withUnsafeBytes { $0[start...].firstIndex(of: 0x0A).map { $0 - start } }
        guard let length else {
            work += reader.remaining / Self.searchedPerWork
            throw failure("the file ends before a line's end")
        }
        let line = try take(length)
        _ = try take(1)
        return line
    }

    private mutating func line() throws(Problem) -> String {
        // Python refuses such a line as well: numbers that look like the opcode of a global name nothing.
        guard let text = try lineBytes().withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw failure("a line is not UTF-8")
        }
        return text
    }

    private func memoIndex(_ line: String) throws(Problem) -> Int {
        guard let index = Int(line), index >= 0 else { throw failure("a memo index is not a number") }
        return index
    }
}

// MARK: - Stack

extension PickleReader {
    private mutating func push(_ value: PickleValue) throws(Problem) {
        try count()
        stack.append(value)
    }

    private mutating func count() throws(Problem) {
        valueCount += 1
        guard valueCount <= Self.valueLimit else { throw failure("more than \(Self.valueLimit) values") }
    }

    /// The last value. An opcode that does not use a mark may pop only the values above the last one.
    ///
    /// Mutating although it changes nothing: a non-mutating function would get a copy of the whole reader at every call, as
    /// ``recall(_:)`` would.
    private mutating func top() throws(Problem) -> PickleValue {
        guard stack.count > (marks.last ?? 0), let value = stack.last else { throw failure("the stack is empty") }
        return value
    }

    private mutating func pop() throws(Problem) -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func pop(count: Int) throws(Problem) -> [PickleValue] {
        guard stack.count - (marks.last ?? 0) >= count else { throw failure("the stack has fewer than \(count) values") }
        let values = Array(stack.suffix(count))
        stack.removeLast(count)
        return values
    }

    private mutating func popToMark() throws(Problem) -> [PickleValue] {
        guard let mark = marks.popLast(), mark <= stack.count else { throw failure("no mark on the stack") }
        let values = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return values
    }
}

// MARK: - Values

extension PickleReader {
    private mutating func pushText(_ length: Int) throws(Problem) {
        pickle.texts.append(try take(length).withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
        try push(.text(pickle.texts.count - 1))
    }

    /// A little-endian two's complement integer of any length.
    private mutating func pushLong(_ length: Int) throws(Problem) {
        let bytes = try take(length)
        guard length <= 8 else {
            pickle.regions.append(bytes)
            return try push(.wideInteger(pickle.regions.count - 1))
        }
        var bits: UInt64 = 0
        bytes.withUnsafeBytes { for (place, byte) in $0.enumerated() { bits |= UInt64(byte) << (8 * place) } }
        let shift = 64 - 8 * length
        try push(.integer(length == 0 ? 0 : Int(Int64(bitPattern: bits << shift) >> shift)))
    }

    private mutating func pushLine(_ opcode: PickleOpcode) throws(Problem) {
        let bytes = try lineBytes()
        switch PickleLine.decode(opcode, bytes) {
        case .boolean(let value): try push(.boolean(value))
        case .integer(let value): try push(.integer(value))
        case .wideInteger(let digits):
            pickle.regions.append(digits)
            try push(.wideInteger(pickle.regions.count - 1))
        case .float(let value): try push(.float(value))
        case .bytes(let decoded):
            pickle.regions.append(ByteRegion(copying: decoded))
            try push(.byteString(pickle.regions.count - 1))
        case .text(let text):
            pickle.texts.append(text)
            try push(.text(pickle.texts.count - 1))
        case nil: throw failure("\(opcode) does not hold what it should")
        }
    }

    private mutating func pushTuple(_ items: [PickleValue]) throws(Problem) {
        let start = pickle.tupleItems.count
        pickle.tupleItems.append(contentsOf: items)
        pickle.tuples.append(start..<start + items.count)
        try push(.tuple(pickle.tuples.count - 1))
    }

    private mutating func pushList(_ items: [PickleValue]) throws(Problem) {
        pickle.lists.append(items)
        try push(.list(pickle.lists.count - 1))
    }

    private mutating func pushDictionary(_ items: [PickleValue]) throws(Problem) {
        guard items.count.isMultiple(of: 2) else { throw failure("a dictionary with a key and no value") }
        pickle.dictionaries.append(items)
        try push(.dictionary(pickle.dictionaries.count - 1))
    }

    private mutating func append(_ items: [PickleValue]) throws(Problem) {
        switch try top() {
        case .list(let index): pickle.lists[index].append(contentsOf: items)
        case .object(let index): pickle.objects[index].appended.append(contentsOf: items)
        default: throw failure("values are appended to something other than a list")
        }
    }

    private mutating func setItems(_ items: [PickleValue]) throws(Problem) {
        guard items.count.isMultiple(of: 2) else { throw failure("a key without a value") }
        switch try top() {
        case .dictionary(let index): pickle.dictionaries[index].append(contentsOf: items)
        case .object(let index): pickle.objects[index].items.append(contentsOf: items)
        default: throw failure("items are set on something other than a dictionary")
        }
    }

    private mutating func addGlobal(_ module: String, _ name: String) throws(Problem) -> Int {
        guard module.utf8.count <= Self.nameLimit, name.utf8.count <= Self.nameLimit else {
            throw failure("a global's name is longer than \(Self.nameLimit) bytes")
        }
        pickle.globals.append(Pickle.Global(module: module, name: name))
        return pickle.globals.count - 1
    }

    /// Only the loading program knows the meaning of a code of Python's extension registry.
    private mutating func pushExtension(_ code: Int) throws(Problem) {
        try push(.global(addGlobal("copyreg", "extension(\(code))")))
    }

    /// - Parameter parts: the callable and its arguments.
    private mutating func pushObject(_ parts: [PickleValue], isInstance: Bool) throws(Problem) {
        pickle.objects.append(Pickle.Object(callable: parts[0], arguments: parts[1], isInstance: isInstance))
        try push(.object(pickle.objects.count - 1))
    }

    private mutating func build() throws(Problem) {
        let state = try pop()
        // Attributes set on dictionaries and the like hold no tensors' data: state dicts keep their versions there.
        if case .object(let index) = try top() { pickle.objects[index].state = state }
    }

    private mutating func pushPersistent(_ identifier: PickleValue) throws(Problem) {
        pickle.persistentIdentifiers.append(identifier)
        try push(.persistent(pickle.persistentIdentifiers.count - 1))
    }

    private mutating func store(_ index: Int) throws(Problem) {
        let value = try top()
        try count()
        if index < memo.count {
            memo[index] = value
        } else if index == memo.count {
            sparseMemo[index] = nil
            memo.append(value)
        } else {
            sparseMemo[index] = value
        }
    }

    private mutating func recall(_ index: Int) throws(Problem) -> PickleValue {
        guard let value = index < memo.count ? memo[index] : sparseMemo[index] else {
            throw failure("memo \(index) was never stored")
        }
        return value
    }
}
