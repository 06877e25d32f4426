import Archives
import Checkpoints
import Circuits
import Text

/// Circuits that were written earlier: the json or jsonl of `circuit`, or the npz of its masks.
struct CircuitFile {
    typealias Circuit = CircuitCollection.Circuit

    let path: String
    let content: ByteRegion
    let circuits: [Circuit]

    /// Reads the file, or standard input for `-`; its kind is recognised by its first bytes.
    init(path: String) throws {
        self.path = path
        do {
            content =
                path == "-"
                ? try ByteRegion.standardInput(isKnown: Self.isKnown) : try ByteRegion.contents(path: path, isKnown: Self.isKnown)
        } catch {
            throw Problem(file: path, problem: "\(error)")
        }
        let head = content.bytes(0..<min(content.count, ByteRegion.headLength)) ?? []
        if Self.isJSON(head) {
            circuits = try CircuitJSON.circuits(content, path: path)
        } else if Self.isKnown(head) {
            circuits = try Self.masks(content, path: path)
        } else {
            throw Problem(
                file: path, problem: "holds no circuits", expected: "the json or jsonl of modinspect circuit, or the npz of its --masks")
        }
        guard !circuits.isEmpty else { throw Problem(file: path, problem: "holds no circuits", expected: "at least one") }
    }

    private static func isJSON(_ head: [UInt8]) -> Bool { head.first { ![32, 9, 10, 13].contains($0) } == UInt8(ascii: "{") }

    private static func isKnown(_ head: [UInt8]) -> Bool { isJSON(head) || head.starts(with: [0x50, 0x4B]) }

    /// Masks by the folder that they are in; what is not zero is kept.
    private static func masks(_ content: ByteRegion, path: String) throws -> [Circuit] {
        var circuits: [(folder: String, groups: [(name: String, elements: [Int])], shapes: [String: [Int]])] = []
        for tensor in try Checkpoint.open(content, path: path).tensors {
            guard [.bool, .u8, .i8].contains(tensor.dtype) else {
                throw Problem(
                    file: path, problem: "array '\(tensor.name)' is not a mask", expected: "bool, u8 or i8", found: tensor.dtype.rawValue)
            }
            let parts = tensor.name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let folder = parts.count == 2 ? parts[0] : ""
            var values = [Float](repeating: 0, count: tensor.elementCount)
            values.withUnsafeMutableBufferPointer { tensor.fill($0, elements: 0..<tensor.elementCount) }
            let kept = values.indices.filter { values[$0] != 0 }
            let place = circuits.firstIndex { $0.folder == folder } ?? circuits.count
            if place == circuits.count { circuits.append((folder, [], [:])) }
            circuits[place].groups.append((parts[parts.count - 1], kept))
            circuits[place].shapes[parts[parts.count - 1]] = tensor.shape
        }
        return circuits.map { Circuit(label: Int($0.folder), kind: .weights, groups: $0.groups, available: nil, shapes: $0.shapes) }
    }
}
