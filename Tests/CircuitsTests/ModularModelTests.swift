import Checkpoints
import Circuits
import Datasets
import Evaluation
import Foundation
import Networks
import TestSupport
import Testing

/// A model whose circuits are known because it was built: two subnetworks side by side that share nothing.
///
/// Inputs and hidden neurons 0 to 3 give the scores 0 and 1, the others the scores 2 and 3. Every weight is positive, so that nothing of one
/// subnetwork helps the other's labels.
@Suite struct ModularModelTests {
    private static let half = 4

    private static func isOwn(_ row: Int, _ column: Int, rows: Int) -> Bool { row / (rows / 2) == column / half }

    private func model(_ body: (Network, LayerCatalog, SampleBatches) throws -> Void) throws {
        let size = 2 * Self.half
        var first = [Float](repeating: 0, count: size * size)
        var second = [Float](repeating: 0, count: 4 * size)
        for column in 0..<size {
            for row in 0..<size where Self.isOwn(row, column, rows: size) {
                first[row * size + column] = row % 2 == column % 2 ? 1 : 0.125
            }
            for row in 0..<4 where Self.isOwn(row, column, rows: 4) { second[row * size + column] = row % 2 == column % 2 ? 2 : 0.25 }
        }
        try TemporaryFolder.with { folder in
            let path = folder + "/modular.safetensors"
            try SafetensorsFile.bytes([
                (name: "fc1.weight", shape: [size, size], values: first), (name: "fc2.weight", shape: [4, size], values: second),
            ]).write(to: URL(fileURLWithPath: path))
            let checkpoint = try Checkpoint.open(path)
            let network = try Chain.network(of: checkpoint, Architecture("fc1,relu,fc2"))
            try body(network, LayerCatalog(checkpoint), try SampleBatches(Self.samples(folder), for: network))
        }
    }

    /// Inputs for every label, in several strengths, with a little of the other half's.
    private static func samples(_ folder: String) throws -> Dataset {
        var values = Data()
        var labels = Data()
        for sample in 0..<40 {
            let label = sample % 4
            for column in 0..<8 {
                let isNear: Bool = column / half == label / 2 && column % 2 == label % 2
                let strength: Float = 1 + 0.1 * Float(sample / 4)
                let value: Float = isNear ? strength : 0.125
                withUnsafeBytes(of: value.bitPattern.bigEndian) { values.append(contentsOf: $0) }
            }
            labels.append(UInt8(label))
        }
        func idx(_ type: UInt8, _ shape: [Int], _ data: Data) -> Data {
            var file = Data([0, 0, type, UInt8(shape.count)])
            for length in shape { withUnsafeBytes(of: UInt32(length).bigEndian) { file.append(contentsOf: $0) } }
            return file + data
        }
        try idx(0x0D, [40, 8], values).write(to: URL(fileURLWithPath: folder + "/x"))
        try idx(0x08, [40], labels).write(to: URL(fileURLWithPath: folder + "/y"))
        return try DatasetSource(path: folder + "/x", labels: folder + "/y").open()
    }

    @Test(arguments: 0..<4) func aLabelsCircuitLiesInItsOwnSubnetwork(label: Int) throws {
        try model { network, catalog, batches in
            let pruning = WeightPruning(objectives: [.labelLoss(label: label)], tolerance: 0, controls: 0, seed: 0)
            let found = try pruning.run(catalog.weightMatrices, on: batches, heldOut: batches, threads: 1) { _ in }
            let circuit = try #require(found.circuits.first)
            for layer in circuit.mask.layers {
                let columns = layer.shape[1]
                #expect(!layer.kept.isEmpty)
                for place in layer.kept {
                    #expect(place % columns / Self.half == label / 2, "\(layer.name) \(place)")
                    #expect(place / columns / (layer.shape[0] / 2) == label / 2, "\(layer.name) \(place)")
                }
                #expect(layer.weightCount == layer.isKept.count / 2)
            }
        }
    }

    @Test func theWholeModelNeedsBoth() throws {
        try model { network, catalog, batches in
            let pruning = WeightPruning(objectives: [.divergence], tolerance: 0.001, controls: 2, seed: 0)
            let found = try pruning.run(catalog.weightMatrices, on: batches, heldOut: batches, threads: 1) { _ in }
            let circuit = try #require(found.circuits.first)
            for layer in circuit.mask.layers {
                let halves = Set(layer.kept.map { $0 / layer.shape[1] / (layer.shape[0] / 2) })
                #expect(halves == [0, 1])
            }
            #expect(circuit.loss <= 0.001 && circuit.intactLoss < 1e-12)
            #expect(circuit.verdict.outcome.accuracy == 1 && circuit.controls.count == 2)
            #expect(abs(circuit.verdict.divergence - circuit.loss) < 1e-6)
        }
    }
}
