import Archives
import TestSupport
import Testing
import Text

@testable import Checkpoints

private typealias P = PickleBuilder

/// What a pickle says about a tensor beyond its storage and its shape is obeyed or refused, never ignored.
struct TensorMetadataTests {
    private static func storage(_ type: String) -> [UInt8] {
        P.tuple(P.text("storage"), P.global("torch", type), P.text("0"), P.text("cpu"), P.integer(4)) + Array("Q".utf8)
    }

    /// The arguments of a 2 x 2 tensor, with its gradient's and hooks' places.
    private static func arguments(_ type: String = "FloatStorage", stride: (Int, Int) = (2, 1)) -> [UInt8] {
        storage(type) + P.integer(0) + P.tuple(P.integer(2), P.integer(2)) + P.tuple(P.integer(stride.0), P.integer(stride.1))
            + Array("I00\n".utf8) + P.call(P.global("collections", "OrderedDict"))
    }

    private static let yes = Array("I01\n".utf8)
    private static let version2 = P.global("torch._utils", "_rebuild_tensor_v2")

    private static func tensor(_ metadata: [UInt8], type: String = "FloatStorage") -> [UInt8] {
        P.call(version2, arguments(type), metadata)
    }

    private func record(_ value: [UInt8], _ bytes: [UInt8]) throws -> TensorRecord {
        let pickle = try PickleReader.read(guardedRegion(P.dictionary(("w", value)) + P.stop)).pickle
        let file = try WeightFile(format: "pickle", pickle: pickle, path: "file") { (_, _) throws(Problem) in guardedRegion(bytes) }
        if let tensor = file.models.first?.unreadable.first { throw tensor.problem }
        return try #require(file.models.first?.tensors.first)
    }

    private func problem(_ value: [UInt8]) -> String? {
        do {
            _ = try record(value, [UInt8](repeating: 0, count: 64))
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static func bytes(_ values: [Float]) -> [UInt8] { values.flatMap { P.little($0.bitPattern) } }

    @Test(arguments: [yes, Array("I00\n".utf8)]) func theNegativeBitChangesEverySign(_ value: [UInt8]) throws {
        // torch.load asks for the key alone: {"neg": False} is negative too.
        let tensor = try record(Self.tensor(P.dictionary(("neg", value))), Self.bytes([1, -2, 0, 0.5]))
        #expect(tensor.floats() == [-1, 2, 0, -0.5])
        #expect(tensor.doubles() == [-1, 2, 0, -0.5])
        #expect(tensor.floats()[2].sign == .minus)
        let shared = tensor.sharedFloats(shape: [4])
        #expect(shared.withElements { Array($0) } == [-1, 2, 0, -0.5])
        #expect(tensor.gathered().withUnsafeBytes { Array($0) } == Self.bytes([-1, 2, -0.0, -0.5]))
        #expect(tensor.gathered([[1], nil]).withUnsafeBytes { Array($0) } == Self.bytes([-0.0, -0.5]))
    }

    @Test func stridedAndUntypedTensorsAreNegatedToo() throws {
        let strided = P.call(Self.version2, Self.arguments(stride: (1, 2)), P.dictionary(("neg", Self.yes)))
        #expect(try record(strided, Self.bytes([1, 2, 3, 4])).floats() == [-1, -3, -2, -4])
        let halves: [UInt8] = [0x00, 0x3C, 0x00, 0xC0, 0x00, 0x00, 0x00, 0x38]
        let half = try record(Self.tensor(P.dictionary(("neg", Self.yes)), type: "HalfStorage"), halves)
        #expect(half.floats() == [-1, 2, 0, -0.5])
        #expect(half.gathered().withUnsafeBytes { Array($0) } == [0x00, 0xBC, 0x00, 0x40, 0x00, 0x80, 0x00, 0xB8])
        let untyped =
            P.tuple(P.text("storage"), P.global("torch.storage", "UntypedStorage"), P.text("0"), P.text("cpu"), P.integer(4))
            + Array("Q".utf8)
        let small = P.call(
            P.global("torch._utils", "_rebuild_tensor_v3"), untyped, P.integer(0), P.tuple(P.integer(4)), P.tuple(P.integer(1)),
            Array("I00\nN".utf8), P.global("torch", "float8_e4m3fnuz"), P.dictionary(("neg", Self.yes)))
        // Of this layout's two patterns without digits, one is zero and the other NaN: there is no negative zero.
        let tensor = try record(small, [0x00, 0x48, 0xC8, 0x01])
        #expect(tensor.gathered().withUnsafeBytes { Array($0) } == [0x00, 0xC8, 0x48, 0x81])
        #expect(tensor.floats()[0] == 0)
    }

    @Test func aNegatedViewIsNotTiedToItsStorage() throws {
        let plain = try record(Self.tensor(Array("N".utf8)), Self.bytes([1, 2, 3, 4]))
        let renamed = try TensorRecord(name: "v", dtype: .f32, shape: [2, 2], bytes: plain.bytes)
        #expect([plain, renamed].tied == [["w", "v"]])
        #expect([plain, renamed.negated()].tied.isEmpty)
    }

    @Test func metadataThatAreNotUnderstoodAreRefused() {
        #expect(problem(Self.tensor(Array("N".utf8))) == nil)
        #expect(problem(Self.tensor(P.dictionary())) == nil)
        #expect(
            problem(Self.tensor(P.dictionary(("conj", Self.yes)))) == "file: tensor 'w': is a conjugate view, which is not supported")
        #expect(
            problem(Self.tensor(P.dictionary(("neg", Self.yes), ("scale", Self.yes))))
                == "file: tensor 'w': has metadata that are not understood, expected 'neg' at most, found 'scale'")
        #expect(
            problem(Self.tensor(P.integer(1)))
                == "file: tensor 'w': has metadata that are not understood, expected a dictionary with 'neg' at most")
        #expect(
            problem(Self.tensor(P.dictionary(("neg", Self.yes)), type: "IntStorage"))
                == "file: tensor 'w': has its negative bit set, expected a floating-point type with it, found i32")
        #expect(
            problem(P.call(Self.version2, Self.arguments(), P.dictionary(), P.dictionary()))
                == "file: tensor 'w': torch._utils._rebuild_tensor_v2 has too many arguments")
    }

    @Test func whatWouldChangeATensorAfterItIsMadeIsRefused() {
        let plain = Self.tensor(Array("N".utf8))
        let parameter = P.global("torch._utils", "_rebuild_parameter_with_state")
        let state = "file: tensor 'w': given a state that is not understood"
        #expect(problem(P.call(parameter, plain, Self.yes, Array("N".utf8), P.dictionary(("tag", P.integer(1))))) == nil)
        #expect(problem(P.call(parameter, plain, Self.yes, Array("N".utf8), P.dictionary(("data", plain)))) == state)
        #expect(problem(plain + P.dictionary(("data", plain)) + Array("b".utf8)) == state)
        #expect(problem(plain + P.tuple(plain, P.integer(0), P.integer(1), P.integer(2), P.integer(3)) + Array("b".utf8)) == state)
        #expect(problem(plain + P.tuple(Self.yes, Self.yes, P.dictionary()) + Array("b".utf8)) == nil)
        #expect(
            problem(plain + P.integer(0) + P.integer(5) + Array("s".utf8))
                == "file: tensor 'w': changed after it is made, which is not executed")
    }

    @Test func conversionsThatChangeTheTypeAreRefused() throws {
        let plain = Self.tensor(Array("N".utf8))
        func moved(_ dtype: String) -> [UInt8] {
            P.call(
                P.global("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"), plain, P.global("torch", dtype), P.text("cpu"),
                Self.yes)
        }
        #expect(problem(moved("float32")) == nil)
        #expect(problem(moved("bfloat16")) == nil)
        #expect(problem(moved("int8")) == "file: tensor 'w': would be converted while it is read, expected elements of f32, found i8")
    }
}
