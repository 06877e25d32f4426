import Archives
import TestSupport
import Testing

@testable import Checkpoints

/// Pickles written opcode by opcode.
struct PickleBuilder {
    var bytes: [UInt8] = []

    init(_ parts: [UInt8]...) { bytes = Array(parts.joined()) }

    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
    static func text(_ text: String) -> [UInt8] { Array("X".utf8) + little(UInt32(text.utf8.count)) + Array(text.utf8) }
    static func integer(_ value: Int) -> [UInt8] { Array("I\(value)\n".utf8) }
    static func tuple(_ items: [UInt8]...) -> [UInt8] { Array("(".utf8) + items.joined() + Array("t".utf8) }
    static func call(_ callable: [UInt8], _ arguments: [UInt8]...) -> [UInt8] {
        callable + Array("(".utf8) + arguments.joined() + Array("tR".utf8)
    }
    static func dictionary(_ items: (String, [UInt8])...) -> [UInt8] {
        Array("}(".utf8) + items.flatMap { text($0.0) + $0.1 } + Array("u".utf8)
    }
    /// A numpy array of float32 ones.
    static func array(_ shape: [Int]) -> [UInt8] {
        let count = shape.reduce(1, *)
        let data = Array("B".utf8) + little(UInt32(4 * count)) + [UInt8](repeatingPattern: [0, 0, 0x80, 0x3F], count: count)
        let sizes = Array("(".utf8) + shape.flatMap { integer($0) } + Array("t".utf8)
        let dtype = call(global("numpy", "dtype"), text("f4"), Array("I00\nI01\n".utf8))
        return call(global("numpy.core.numeric", "_frombuffer"), data, dtype, sizes, text("C"))
    }
    static let stop = Array(".".utf8)

    static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
}

extension [UInt8] {
    fileprivate init(repeatingPattern pattern: [UInt8], count: Int) {
        self = (0..<count).flatMap { _ in pattern }
    }
}

private typealias P = PickleBuilder

private func problem(_ parts: [UInt8]...) -> String? {
    do {
        for model in try TorchLegacy.read(guardedRegion(Array(parts.joined())), path: "file").models {
            for tensor in model.tensors { _ = tensor.floats() }
            if let tensor = model.unreadable.first { throw tensor.problem }
        }
        return nil
    } catch {
        return "\(error)"
    }
}

private func pickle(_ bytes: [UInt8]) throws -> Pickle { try PickleReader.read(guardedRegion(bytes)).pickle }

/// The protocol that a value is pickled with does not change the value.
struct PickleValueTests {
    private func integer(_ bytes: [UInt8]) throws -> Int? {
        let pickle = try pickle(bytes + P.stop)
        return pickle.integer(pickle.root)
    }

    private func text(_ bytes: [UInt8]) throws -> String? {
        let pickle = try pickle(bytes + P.stop)
        return pickle.text(pickle.root)
    }

    @Test func integersOfEveryOpcode() throws {
        #expect(try integer(Array("I-12\n".utf8)) == -12)
        #expect(try integer(Array("I01\n".utf8)) == 1)
        #expect(try integer(Array("L-9223372036854775808L\n".utf8)) == Int.min)
        #expect(try integer([0x4A, 0xFE, 0xFF, 0xFF, 0xFF]) == -2)
        #expect(try integer([0x4B, 0xFE]) == 254)
        #expect(try integer([0x4D, 0x01, 0xFF]) == 65281)
        #expect(try integer([0x8A, 0]) == 0)
        #expect(try integer([0x8A, 1, 0xFF]) == -1)
        #expect(try integer([0x8A, 2, 0xFF, 0x00]) == 255)
        #expect(try integer([0x8B, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]) == Int.min)
        #expect(try integer([0x8A, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1]) == nil)
    }

    @Test func stringsOfEveryOpcode() throws {
        #expect(try text(Array(#"S'a\'\x41\101\n\\'"#.utf8) + [10]) == "a'AA\n\\")
        #expect(try text(Array(#"Va\u00e9\U0001F600"#.utf8) + [0xE9, 10]) == "aé😀é")
        #expect(try text([0x55, 2] + Array("ab".utf8)) == "ab")
        #expect(try text([0x54, 2, 0, 0, 0] + Array("ab".utf8)) == "ab")
        #expect(try text([0x8C, 2] + Array("ab".utf8)) == "ab")
        #expect(try text([0x8D, 2, 0, 0, 0, 0, 0, 0, 0] + Array("ab".utf8)) == "ab")
        #expect(try text(P.text("né")) == "né")
    }

    @Test func floatsOfEveryOpcode() throws {
        for bytes in [Array("F0.15625\n".utf8), [0x47, 0x3F, 0xC4, 0, 0, 0, 0, 0, 0]] {
            guard case .float(let value) = try pickle(bytes + P.stop).root else {
                Issue.record("no float")
                continue
            }
            #expect(value == 0.15625)
        }
    }

    @Test func theLastOfEqualKeysCountsAtTheFirstOnesPlace() throws {
        let pickle = try pickle(P.dictionary(("a", P.integer(1)), ("b", P.integer(2)), ("a", P.integer(3))) + P.stop)
        let members = try #require(pickle.members(pickle.root))
        #expect(members.map(\.key) == ["a", "b"])
        #expect(members.map { pickle.integer($0.value) } == [3, 2])
    }

    @Test func popTakesMarksAndValues() throws {
        #expect(try integer(P.integer(5) + Array("(0".utf8)) == 5)
        #expect(try integer(P.integer(5) + Array("(NN1".utf8)) == 5)
        #expect(try integer(P.integer(5) + Array("N0".utf8)) == 5)
        #expect(try integer(P.integer(5) + Array("20".utf8)) == 5)
    }
}

struct HostilePickleTests {
    @Test func callsAreNamedAndNeverMade() throws {
        let call = P.call(P.global("os", "system"), P.text("exit 7"))
        #expect(problem(call, P.stop) == "file: no tensors; the pickle calls os.system, which is not executed")
        #expect(
            problem(P.dictionary(("w", P.array([2, 2])), ("x", call)), P.stop)
                == "file: tensor 'x': made by os.system, which is not executed")
        let storage = P.call(
            P.global("torch._utils", "_rebuild_tensor_v2"), call, P.integer(0), P.tuple(P.integer(2), P.integer(2)),
            P.tuple(P.integer(2), P.integer(1)), Array("I00\nN".utf8))
        #expect(
            problem(P.dictionary(("w", P.array([2, 2])), ("x", storage)), P.stop)
                == "file: tensor 'x': made by os.system, which is not executed")
        let parameter = P.call(P.global("torch._utils", "_rebuild_parameter"), call, Array("I01\nN".utf8))
        #expect(
            problem(P.dictionary(("w", P.array([2, 2])), ("x", parameter)), P.stop)
                == "file: tensor 'x': made by os.system, which is not executed")
    }

    @Test func callsBesideTheModelAreListed() throws {
        let call = P.call(P.global("posix", "system"), P.text("exit 7"))
        let bytes = P.dictionary(("args", call), ("model", P.dictionary(("w", P.array([2, 3]))))) + P.stop
        let file = try TorchLegacy.read(ByteRegion(copying: bytes), path: "file")
        #expect(file.foreignGlobals == ["posix.system"])
        #expect(file.models.map(\.key) == ["model"])
        #expect(file.models[0].tensors[0].floats() == [1, 1, 1, 1, 1, 1])
    }

    @Test func plainValuesBesideTensorsAreNoTensors() throws {
        let date = P.call(P.global("datetime", "datetime"), P.text("2026"))
        let bytes = P.dictionary(("w", P.array([2, 2])), ("date", date), ("n", P.integer(3))) + P.stop
        let file = try TorchLegacy.read(ByteRegion(copying: bytes), path: "file")
        #expect(file.models[0].tensors.map(\.name) == ["w"])
        #expect(file.foreignGlobals == ["datetime.datetime"])
    }

    @Test func unknownStoragesAreNamed() throws {
        func tensor(_ identifier: [UInt8]) -> [UInt8] {
            P.dictionary(
                (
                    "x",
                    P.call(
                        P.global("torch._utils", "_rebuild_tensor_v2"), identifier + Array("Q".utf8), P.integer(0),
                        P.tuple(P.integer(2), P.integer(2)), P.tuple(P.integer(2), P.integer(1)), Array("I00\nN".utf8))
                ))
        }
        func identifier(_ type: [UInt8], count: Int = 4) -> [UInt8] {
            P.tuple(P.text("storage"), type, P.text("0"), P.text("cpu"), P.integer(count))
        }
        #expect(
            problem(tensor(identifier(P.global("my", "Storage"))), P.stop)
                == "file: tensor 'x': its storage type my.Storage is not known")
        #expect(
            problem(tensor(P.integer(3)), P.stop) == "file: tensor 'x': its storage has an unknown kind of persistent id")
        #expect(
            problem(tensor(identifier(P.global("torch", "FloatStorage"), count: Int.max)), P.stop)?
                .contains("its storage overflows") == true)
        #expect(
            problem(tensor(identifier(P.global("torch", "FloatStorage"))), P.stop)
                == "file: tensor 'x': its storage is not in the file")
    }

    @Test func recursiveValuesEnd() {
        // A list in itself; a dictionary under its own key; a module that is its own child.
        #expect(problem(Array("]q\0h\0a.".utf8)) == "file: no tensors")
        #expect(problem(Array("}q\0X\u{1}\0\0\0ah\0s.".utf8)) == "file: no tensors")
        let module =
            P.global("m", "M") + Array(")\u{81}".unicodeScalars.map { UInt8($0.value) }) + Array("q\0".utf8)
            + P.dictionary(
                ("_parameters", P.dictionary(("w", P.array([2, 2])))), ("_modules", Array("}".utf8) + P.text("m") + Array("h\0s".utf8)))
            + Array("b".utf8)
        #expect(problem(module, P.stop) == nil)
    }

    @Test(.timeLimit(.minutes(1)))
    func deepNestingNeedsNoStack() {
        let depth = 100_000
        func repeated(_ text: String) -> [UInt8] { [UInt8](repeatingPattern: Array(text.utf8), count: depth) }
        #expect(problem(repeated("]"), [UInt8](repeating: 0x61, count: depth - 1), P.stop) == "file: no tensors")
        #expect(problem(Array("N".utf8), [UInt8](repeating: 0x85, count: depth), P.stop) == "file: no tensors")
        #expect(problem(repeated("}U\u{1}a"), Array("N".utf8), [UInt8](repeating: 0x73, count: depth), P.stop) == "file: no tensors")
        #expect(problem(repeated("("), P.stop)?.contains("the stack is empty") == true)
        #expect(problem(repeated("cm\nf\n("), [UInt8](repeatingPattern: Array("tR".utf8), count: depth), P.stop) != nil)
    }

    @Test(.timeLimit(.minutes(1)))
    func sharedPartsDoNotMultiply() {
        // Every level contains the previous one twice: 2^60 leaves.
        func levels(_ first: [UInt8], _ level: (Int) -> [UInt8]) -> [UInt8] {
            first + Array("q\0".utf8) + (0..<60).flatMap { level($0) + [0x71, UInt8($0 + 1)] } + P.stop
        }
        let lists = levels(Array("]".utf8)) { Array("](h".utf8) + [UInt8($0), 0x68, UInt8($0)] + Array("e".utf8) }
        #expect(problem(lists) == "file: no tensors")
        let tuples = levels(Array(")".utf8)) { [0x68, UInt8($0), 0x68, UInt8($0), 0x86] }
        #expect(problem(tuples) == "file: no tensors")
        let trees = levels(P.dictionary(("weight", P.array([2, 2])))) {
            Array("}(".utf8) + P.text("a") + [0x68, UInt8($0)] + P.text("b") + [0x68, UInt8($0)] + Array("u".utf8)
        }
        #expect(problem(trees)?.contains("shares its parts") == true)
    }

    @Test(.timeLimit(.minutes(1)))
    func textIsDecodedOnceNotForEveryArray() {
        let text = P.text(String(repeating: "a", count: 400_000)) + Array("q\0".utf8)
        let dtype = P.call(P.global("numpy", "dtype"), P.text("u1")) + Array("q\u{1}".utf8)
        var bytes = Array("}(".utf8) + P.text("text") + text + P.text("type") + dtype
        for place in 0..<2000 {
            let data = P.call(P.global("_codecs", "encode"), Array("h\0".utf8), P.text("latin1"))
            bytes += P.text("\(place)")
            bytes += P.call(
                P.global("numpy.core.numeric", "_frombuffer"), data, Array("h\u{1}".utf8),
                P.tuple(P.integer(1), P.integer(400_000)), P.text("C"))
        }
        #expect(problem(bytes, Array("u.".utf8))?.contains("grow beyond the file") == true)
    }

    @Test func opcodesWithoutTheirOperandsAreErrors() throws {
        for code in UInt8.min...UInt8.max where PickleOpcode(rawValue: code) == nil {
            #expect(problem([0x80, 2, code, 0x2E]) == "file: the pickle is damaged at byte 2: opcode \(code) is not known")
        }
        for code in Array("0125abdeloQRsStuq".utf8) + [0x81, 0x85, 0x86, 0x87, 0x90, 0x91, 0x92, 0x93, 0x94] {
            #expect(problem([0x80, 4, code, 0x2E])?.hasPrefix("file: the pickle is damaged at byte 2: ") == true, "\(code)")
        }
        #expect(problem([0x80, 6, 0x4E, 0x2E])?.contains("protocol 6 is not known") == true)
        #expect(problem(Array("h\u{7}.".utf8)) == "file: the pickle is damaged at byte 0: memo 7 was never stored")
        #expect(problem(Array("Nj".utf8), P.little(UInt32.max), P.stop)?.contains("was never stored") == true)
        #expect(problem(Array("Nr".utf8), P.little(UInt32.max), P.stop) == "file: no tensors")
        #expect(try pickle([0x82, 1, 0x2E]).globals.map(\.qualifiedName) == ["copyreg.extension(1)"])
        #expect(problem([0x97, 0x2E])?.contains("buffers outside the pickle") == true)
        for code: UInt8 in [0x8D, 0x8E, 0x96, 0x95] {
            #expect(problem([code], P.little(UInt64.max), P.stop)?.contains("extends past the end of the file") == true)
            #expect(problem([code], P.little(UInt64(Int.max)), P.stop)?.contains("extends past the end of the file") == true)
        }
        #expect(problem([0x8B], P.little(Int32(-1)), P.stop)?.contains("extends past the end of the file") == true)
    }

    @Test func viewsThatLeaveTheirStorageAreErrors() throws {
        let small = P.call(P.global("numpy", "dtype"), P.text("f4"))
        func array(_ sizes: [UInt8]...) -> [UInt8] {
            let data = [0x43, 8, 0, 0, 0, 0, 0, 0, 0, 0] as [UInt8]
            return P.dictionary(
                (
                    "x",
                    P.call(
                        P.global("numpy.core.numeric", "_frombuffer"), data, small,
                        Array("(".utf8) + sizes.joined() + Array("t".utf8), P.text("F"))
                ))
        }
        #expect(problem(array(P.integer(1), P.integer(2)), P.stop) == nil)
        #expect(problem(array(P.integer(2), P.integer(2)), P.stop)?.contains("wrong number of bytes, expected 16, found 8") == true)
        #expect(problem(array(P.integer(Int.max), P.integer(2)), P.stop)?.contains("shape overflows") == true)
        #expect(problem(array(P.integer(-1), P.integer(2)), P.stop)?.contains("negative dimension") == true)
        #expect(problem(array(P.text("a"), P.integer(2)), P.stop)?.contains("its shape is not a tuple of integers") == true)
    }
}

struct ModelSearchPickleTests {
    private func keys(_ value: [UInt8]) throws -> [String] {
        try TorchLegacy.read(ByteRegion(copying: value + P.stop), path: "file").models.map(\.key)
    }

    @Test func optimizersAreNoModels() throws {
        let model = P.dictionary(("w", P.array([2, 2])))
        for key in ["optimizer", "optimizer_state_dict", "optimizer_states", "optim_g", "opt", "lr_schedulers", "scaler", "callbacks"] {
            #expect(try keys(P.dictionary(("net", model), (key, model))) == ["net"], "\(key)")
        }
        let moments = P.dictionary(("exp_avg", P.array([2, 2])), ("exp_avg_sq", P.array([2, 2])))
        #expect(try keys(P.dictionary(("net", model), ("other", moments))) == ["net"])
        let state = P.dictionary(("state", P.dictionary(("a", model))), ("param_groups", Array("]".utf8)))
        #expect(try keys(P.dictionary(("net", model), ("adam_g", state))) == ["net"])
    }

    @Test func severalModelsAreAllFound() throws {
        let a = P.dictionary(("w.0", P.array([2, 2])))
        let b = P.dictionary(("w.0", P.array([3, 2])))
        #expect(try keys(P.dictionary(("actor", a), ("critic", b))) == ["actor", "critic"])
        #expect(try keys(P.dictionary(("run", P.dictionary(("actor", a), ("critic", b))))) == ["run.actor", "run.critic"])
        #expect(try keys(P.dictionary(("models", Array("](".utf8) + a + b + Array("e".utf8)))) == ["models.0", "models.1"])
    }

    @Test func aTreeOfParametersIsOneModel() throws {
        let layer = P.dictionary(("kernel", P.array([2, 2])), ("bias", P.array([2])))
        let bytes = P.dictionary(("params", P.dictionary(("Dense_0", layer), ("Dense_1", P.dictionary(("inner", layer)))))) + P.stop
        let models = try TorchLegacy.read(ByteRegion(copying: bytes), path: "file").models
        #expect(models.map(\.key) == ["params"])
        #expect(
            models[0].tensors.map(\.name) == ["Dense_0.kernel", "Dense_0.bias", "Dense_1.inner.kernel", "Dense_1.inner.bias"])
    }

    @Test func vectorsBesideANestedModelDoNotMakeTheTopOne() throws {
        let model = P.dictionary(("w", P.array([2, 2])), ("b", P.array([2])))
        #expect(try keys(P.dictionary(("losses", P.array([5])), ("model", model))) == ["model"])
        #expect(try keys(P.dictionary(("losses", P.array([5])))) == [""])
    }
}
