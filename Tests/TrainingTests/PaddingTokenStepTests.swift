import Checkpoints
import Datasets
import Evaluation
import Foundation
import Networks
import TestSupport
import Testing

@testable import Training

/// One step of `finetune` on sequences with the padding token of a language model leaves its tables as one of transformers does.
struct PaddingTokenStepTests {
    static let cases =
        (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path("paddings/families")))
        .map { $0.filter { $0.hasSuffix(".npz") }.map { String($0.dropLast(".npz".count)) }.sorted() } ?? []

    @Test func mostFamiliesAreThere() { #expect(Self.cases.count >= 27) }

    @Test(arguments: cases) func tablesAreThoseOfTransformers(name: String) throws {
        let place = Fixtures.path("paddings/families/\(name)")
        let expected = try Checkpoint.open(place + ".safetensors").tensors.filter { $0.name.hasPrefix("step.") }
        try TemporaryFolder.with { folder in
            let weights = Fixtures.path("transformers/\(name.prefix { $0 != "+" })/model.safetensors")
            try FileManager.default.copyItem(atPath: weights, toPath: folder + "/model.safetensors")
            try FileManager.default.copyItem(atPath: place + ".json", toPath: folder + "/config.json")
            var request = FinetuneRequest(try LoadedModel(Checkpoint.open(folder)), data: DatasetSource(path: place + ".npz"))
            request.lambda = 0
            request.training.batch = .wholeData
            request.training.length = .steps(1)
            request.training.optimizer = Optimizer(.sgd)
            request.training.learningRate = 0.5
            let run = try request.prepared()
            #expect(try run.run() == .complete)
            let output = folder + "/out.tar"
            try run.withResult { draft, _ in try CheckpointWriter(path: output).write(draft) }
            let (before, after) = (try Checkpoint.open(weights), try Checkpoint.open(output))
            #expect(!expected.isEmpty)
            for record in expected {
                let tensor = String(record.name.dropFirst("step.".count))
                let (found, wanted) = (try #require(after[tensor]).floats(), record.floats())
                let change = zip(try #require(before[tensor]).floats(), wanted).map { abs($0 - $1) }.max() ?? 0
                let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 0
                #expect(found.count == wanted.count && worst <= 1e-4 * change + 1e-6, "\(name): \(tensor) is off by \(worst) of \(change)")
            }
        }
    }
}
